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
    params:
        job=lambda w: label.job(study, w.model, w.prompt).as_json(),
        files=lambda w, input, output: files(label.STAGE, input, grades=output.grades, labels=output.labels),
    message:
        "counting votes of {wildcards.model} ({wildcards.prompt}), {wildcards.bases}"
    shell:
        command("label")
