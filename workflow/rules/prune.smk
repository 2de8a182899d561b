from spurious_rewards.stages import prune, train

# With `keep_weights: reported`, what no table reports is deleted, once it has answered and training has gone on.
if study.suite.keep_weights == "reported":

    rule prune:
        """deletion of the weights and trainer states of a segment that need not be kept"""
        input:
            checkpoints=SEGMENT / "checkpoints",
            responses=SEGMENT / "responses.parquet",
            problems=benchmark_problems(SEGMENT),
            next=lambda w: train.following(study, run_of(w), int(w.stop)),
        output:
            SEGMENT / "pruned.json",
        log:
            LOGS / "prune/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
        priority: in_turn("stop", after=max(each.segment_steps for each in study.suite.algorithms.values()) + 2)
        localrule: True
        conda:
            environment("analyse")
        params:
            job=lambda w: prune.job(study, run_of(w), int(w.start), int(w.stop)).as_json(),
            files=lambda w, input, output: files(prune.STAGE, input, pruned=output[0]),
        message:
            f"deleting what need not stay of {{wildcards.model}} trained on {ON_REWARD}, steps {{wildcards.start}} to {{wildcards.stop}}"
        shell:
            command("prune")
