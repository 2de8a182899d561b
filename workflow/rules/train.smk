rule train:
    """a segment of a run: every evaluated checkpoint of its span"""
    input:
        data=lambda w: plan.training_data(run_of(w)),
        bases=lambda w: plan.pretrained(w.model, w.seeds),
        previous=lambda w: plan.previous(run_of(w), int(w.start)),
        reward=lambda w: plan.reward_file(run_of(w)),
    output:
        checkpoints=directory(SEGMENT / "checkpoints"),
        metrics=SEGMENT / "metrics.parquet",
        rollouts=SEGMENT / "rollouts.parquet",
    log:
        LOGS / "train/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: in_turn("start")
    conda:
        TRAIN_ENV
    threads: lambda w: plan.cores(w.model)
    resources:
        **asks(
            lambda w: plan.hardware_of_training(run_of(w)),
            lambda w: plan.train_minutes(run_of(w), int(w.start), int(w.stop)),
        ),
    params:
        job=lambda w: plan.train(run_of(w), int(w.start), int(w.stop), VERSIONS["train"]),
        previous=lambda w, input: f"--previous {input.previous}" if input.previous else "",
    message:
        asking(
            "training {wildcards.model} on {wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
        )
    shell:
        "exec python -m spurious_rewards.cli train {params.job:q} {input.data:q} {output.checkpoints:q} {params.previous} --hardware {resources.hardware:q} 2> {log:q}"
