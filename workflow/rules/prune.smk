# With `keep_weights: reported` in the suite: what no table reports goes, once it has answered and training went on.
if plan.suite.keep_weights == "reported":

    rule prune:
        """letting go the weights and trainer states of a segment that need not stay"""
        input:
            checkpoints=SEGMENT / "checkpoints",
            responses=SEGMENT / "responses.parquet",
            problems=benchmark_problems(SEGMENT),
            next=lambda w: plan.going_on(run_of(w), int(w.stop)),
        output:
            SEGMENT / "pruned.json",
        log:
            LOGS / "prune/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
        priority: in_turn("stop")
        localrule: True
        conda:
            "../../envs/analyse.yaml"
        params:
            job=lambda w: plan.prune(run_of(w), int(w.start), int(w.stop)),
        message:
            "letting go what need not stay of {wildcards.model} trained on {wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
        shell:
            "python -m spurious_rewards.cli prune {params.job:q} {input.checkpoints:q} {input.responses:q} {output:q} {input.problems:q} 2> {log:q}"
