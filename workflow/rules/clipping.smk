# The exhibits about the clip alone, in suites that have them.
if plan.suite.clipping:

    rule probe:
        """the antithetic probe: what one rollout batch of random rewards does to the share of code"""
        input:
            problems=plan.layout.problems(plan.suite.training_problems),
            bases=plan.pretrained(plan.suite.clipping.model, plan.suite.clipping.seeds),
        output:
            plan.layout.clipping("probe"),
        log:
            LOGS / "clipping/probe.log",
        conda:
            "../../envs/train.yaml"
        threads: settings.threads
        params:
            job=lambda w: plan.probe(VERSIONS["probe"]),
        message:
            "probing what the clip does to random rewards"
        shell:
            "python -m spurious_rewards probe {params.job:q} {input.problems:q} {output:q} 2> {log:q}"

    rule bandit:
        """the two-action bandit under random rewards"""
        output:
            plan.layout.clipping("bandit"),
        log:
            LOGS / "clipping/bandit.log",
        conda:
            "../../envs/analyse.yaml"
        params:
            job=lambda w: plan.bandit(),
            code=fingerprint("bandit"),
        message:
            "running the bandit"
        shell:
            "python -m spurious_rewards bandit {params.job:q} {output:q} 2> {log:q}"
