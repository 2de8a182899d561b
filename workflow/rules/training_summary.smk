from spurious_rewards.stages import training_summary

EXPERIMENT = study.paths.experiment("{experiment}")


rule training_summary:
    """a summary of the votes and the training of an experiment"""
    input:
        unpack(lambda w: training_summary.inputs(study, w.experiment)),
    output:
        EXPERIMENT / "labels.csv",
        EXPERIMENT / "health.csv",
        EXPERIMENT / "training.csv",
    log:
        LOGS / "training_summary/{experiment}.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: training_summary.job(study, w.experiment).as_json(),
        files=lambda w, input: files(training_summary.STAGE, input, folder=study.paths.experiment(w.experiment)),
        code=fingerprint("training_summary"),
    message:
        "summarising votes and training of experiment {wildcards.experiment}"
    shell:
        command("training_summary")
