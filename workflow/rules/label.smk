from spurious_rewards.stages import label


rule label:
    """majority labels, and the grades of the samples that voted"""
    input:
        votes=BASE / "votes.parquet",
        problems=study.paths.problems(study.suite.training_problems),
    output:
        grades=BASE / "vote_grades.parquet",
        labels=BASE / "labels.parquet",
    log:
        LOGS / "label/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        environment("analyse")
    threads: lambda w: label.cores(study, w.model)
    resources:
        **asks_of_cores(
            lambda w: label.megabytes(study, w.model, w.bases), lambda w: label.minutes(study, w.model, w.bases)
        ),
    params:
        job=lambda w: label.job(study, w.model, w.prompt).as_json(),
        files=lambda w, input, output: files(label.STAGE, input, grades=output.grades, labels=output.labels),
    message:
        "counting votes of {wildcards.model} ({wildcards.prompt}), {wildcards.bases}"
    shell:
        command("label")
