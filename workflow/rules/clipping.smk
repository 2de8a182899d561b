# The exhibits about the clip alone, in suites that have them.
if plan.suite.clipping:

    rule probe:
        """the antithetic probe: what one rollout batch of random rewards does to the share of code"""
        input:
            problems=plan.layout.problems(plan.suite.training_problems),
            bases=lambda w: plan.pretrained(w.model, plan.suite.clipping.seeds),
        output:
            plan.layout.probe("{model}"),
        log:
            LOGS / "clipping/probe/{model}.log",
        conda:
            "../../envs/train.yaml"
        threads: settings.threads
        params:
            job=lambda w: plan.probe(w.model, VERSIONS["probe"]),
        message:
            "probing what the clip does to random rewards, {wildcards.model}"
        shell:
            "python -m spurious_rewards.cli probe {params.job:q} {input.problems:q} {output:q} 2> {log:q}"

    rule bandit:
        """the two-action bandit under random rewards"""
        output:
            plan.layout.bandit(),
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
            "python -m spurious_rewards.cli bandit {params.job:q} {output:q} 2> {log:q}"
