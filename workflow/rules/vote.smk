rule vote:
    input:
        problems=plan.layout.problems(plan.suite.training_problems),
        bases=lambda w: plan.pretrained(w.model, plan.seed_group(w.bases)),
    output:
        BASE / "votes.parquet",
    params:
        job=lambda w: plan.vote(w.model, w.bases, w.prompt, VERSIONS["vote"]),
    log:
        LOGS / "vote/{model}/{bases}/{prompt}.log",
    message:
        "sampling votes of {wildcards.model}, {wildcards.bases}"
    conda:
        "../../envs/respond.yaml"
    threads: settings.threads
    shell:
        "{STAGE} vote {params.job:q} {input.problems:q} {output:q} 2> {log:q}"


rule label:
    input:
        votes=BASE / "votes.parquet",
        problems=plan.layout.problems(plan.suite.training_problems),
    output:
        grades=BASE / "vote_grades.parquet",
        labels=BASE / "labels.parquet",
    params:
        job=lambda w: plan.label(w.prompt, VERSIONS["label"]),
    log:
        LOGS / "label/{model}/{bases}/{prompt}.log",
    message:
        "counting votes of {wildcards.model}, {wildcards.bases}"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "{STAGE} label {params.job:q} {input:q} {output:q} 2> {log:q}"
