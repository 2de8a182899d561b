rule train:
    """a segment of a run: every evaluated checkpoint of its span"""
    input:
        data=lambda w: plan.training_data(run_of(w)),
        bases=lambda w: plan.pretrained(w.model, w.seeds),
        previous=lambda w: plan.previous(run_of(w), int(w.start)),
    output:
        checkpoints=directory(SEGMENT / "checkpoints"),
        metrics=SEGMENT / "metrics.parquet",
        rollouts=SEGMENT / "rollouts.parquet",
    log:
        LOGS / "train/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: first(SEGMENT)
    conda:
        "../../envs/train.yaml"
    threads: settings.threads
    params:
        job=lambda w: plan.train(run_of(w), int(w.start), int(w.stop), VERSIONS["train"]),
        previous=lambda w, input: f"--previous {input.previous}" if input.previous else "",
    message:
        "training {wildcards.model} on {wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
    shell:
        "python -m spurious_rewards train {params.job:q} {input.data:q} {output.checkpoints:q} {params.previous} 2> {log:q}"
