from spurious_rewards.stages import model_refs, resources, train


rule train:
    """a segment of a run: every evaluated checkpoint of its span"""
    input:
        data=lambda w: train.data(study, run_of(w)),
        bases=lambda w: model_refs.made_here(study, w.model, w.seeds),
        previous=lambda w: train.previous(study, run_of(w), int(w.start)),
    output:
        checkpoints=directory(SEGMENT / "checkpoints"),
        metrics=SEGMENT / "metrics.parquet",
        rollouts=SEGMENT / "rollouts.parquet",
    log:
        LOGS / "train/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: in_turn("start")
    conda:
        TRAIN_ENV
    threads: lambda w: resources.cores(study, w.model)
    resources:
        **asks(
            lambda w: resources.of_training(study, run_of(w)),
            lambda w: train.minutes(study, run_of(w), int(w.start), int(w.stop)),
        ),
        locations=places(lambda w: train.copies(study, run_of(w))),
    params:
        job=lambda w: train.job(study, run_of(w), int(w.start), int(w.stop)).as_json(),
        files=lambda w, input, output: files(train.STAGE, input, checkpoints=output.checkpoints),
    message:
        asking(f"training {{wildcards.model}} on {ON_REWARD}, steps {{wildcards.start}} to {{wildcards.stop}}")
    shell:
        command("train", on_hardware=True)
