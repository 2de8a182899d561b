EXPERIMENT = plan.layout.experiment("{experiment}")


rule score:
    input:
        lambda w: plan.grades(w.experiment),
    output:
        EXPERIMENT / "scores.parquet",
        EXPERIMENT / "headline.csv",
        EXPERIMENT / "headline.md",
        EXPERIMENT / "grading.csv",
    params:
        job=lambda w: plan.analyse(w.experiment),
        code=fingerprint("score"),
    log:
        LOGS / "score/{experiment}.log",
    message:
        "scoring experiment {wildcards.experiment}"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "{STAGE} score {params.job:q} {output[0]:q} {input:q} 2> {log:q}"


rule summarise:
    input:
        labels=lambda w: plan.voted(w.experiment, "labels"),
        votes=lambda w: plan.voted(w.experiment, "vote_grades"),
        metrics=lambda w: plan.metrics(w.experiment),
    output:
        EXPERIMENT / "labels.csv",
        EXPERIMENT / "health.csv",
    params:
        job=lambda w: plan.analyse(w.experiment),
        folder=lambda w: plan.layout.experiment(w.experiment),
        files=lambda w, input: [f"--{key}={path}" for key in ("labels", "votes", "metrics") for path in input[key]],
        code=fingerprint("summarise"),
    log:
        LOGS / "summarise/{experiment}.log",
    message:
        "summarising votes and training of experiment {wildcards.experiment}"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "{STAGE} summarise {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"


# One rule for each experiment, since the figures are those of the suite's benchmarks.
for name in plan.suite.experiments:

    rule:
        name:
            f"draw_{name}"
        input:
            scores=plan.layout.experiment(name) / "scores.parquet",
            headline=plan.layout.experiment(name) / "headline.csv",
        output:
            plan.figures(name),
        params:
            job=plan.analyse(name),
            folder=plan.layout.experiment(name) / "figures",
            code=fingerprint("draw"),
        log:
            LOGS / f"draw/{name}.log",
        message:
            f"drawing the figures of experiment {name}"
        conda:
            "../../envs/analyse.yaml"
        shell:
            "{STAGE} draw {params.job:q} {input.scores:q} {input.headline:q} {params.folder:q} 2> {log:q}"


rule report:
    input:
        plan.figures(plan.suite.report.headline),
        [
            plan.layout.experiment(plan.suite.report.headline) / name
            for name in ("scores.parquet", "headline.csv", "grading.csv", "labels.csv", "health.csv")
        ],
    output:
        plan.layout.root / "report.html",
    params:
        job=plan.analyse(plan.suite.report.headline),
        folder=plan.layout.experiment(plan.suite.report.headline),
        code=fingerprint("report"),
    log:
        LOGS / "report.log",
    message:
        "writing the report"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "{STAGE} report {params.job:q} {params.folder:q} {output:q} 2> {log:q}"
