from spurious_rewards.stages import score

SCORED = study.paths.scored("{experiment}", "{model}")


rule score:
    """scores and tables of numbers of an experiment, for one of its models"""
    input:
        unpack(lambda w: score.inputs(study, w.experiment, w.model)),
    output:
        SCORED / "scores.parquet",
        SCORED / "rates.parquet",
        [SCORED / f"{name}.csv" for name in score.TABLES],
    log:
        LOGS / "score/{experiment}/{model}.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: score.job(study, w.experiment, w.model).as_json(),
        files=lambda w, input: files(score.STAGE, input, folder=study.paths.scored(w.experiment, w.model)),
        code=fingerprint("score"),
    message:
        "scoring experiment {wildcards.experiment}, {wildcards.model}"
    shell:
        command("score")
