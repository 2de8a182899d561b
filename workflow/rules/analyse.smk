EXPERIMENT = plan.layout.experiment("{experiment}")


rule score:
    input:
        lambda w: plan.grades(w.experiment),
    output:
        scores=EXPERIMENT / "scores.parquet",
        headline=EXPERIMENT / "headline.csv",
        readable=EXPERIMENT / "headline.md",
        grading=EXPERIMENT / "grading.csv",
    log:
        LOGS / "score/{experiment}.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.analyse(w.experiment),
        code=fingerprint("score"),
    message:
        "scoring experiment {wildcards.experiment}"
    shell:
        "python -m spurious_rewards score {params.job:q} {output.scores:q} {input:q} 2> {log:q}"


rule summarise:
    input:
        labels=lambda w: plan.voted(w.experiment, "labels"),
        votes=lambda w: plan.voted(w.experiment, "vote_grades"),
        metrics=lambda w: plan.metrics(w.experiment),
    output:
        EXPERIMENT / "labels.csv",
        EXPERIMENT / "health.csv",
    log:
        LOGS / "summarise/{experiment}.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.analyse(w.experiment),
        folder=lambda w: plan.layout.experiment(w.experiment),
        files=lambda w, input: [f"--{key}={path}" for key in ("labels", "votes", "metrics") for path in input[key]],
        code=fingerprint("summarise"),
    message:
        "summarising votes and training of experiment {wildcards.experiment}"
    shell:
        "python -m spurious_rewards summarise {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"


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
        log:
            LOGS / f"draw/{name}.log",
        conda:
            "../../envs/analyse.yaml"
        params:
            job=plan.analyse(name),
            folder=plan.layout.experiment(name) / "figures",
            code=fingerprint("draw"),
        message:
            f"drawing the figures of experiment {name}"
        shell:
            "python -m spurious_rewards draw {params.job:q} {input.scores:q} {input.headline:q} {params.folder:q} 2> {log:q}"


rule report:
    input:
        plan.figures(plan.suite.report.headline),
        [
            plan.layout.experiment(plan.suite.report.headline) / name
            for name in ("scores.parquet", "headline.csv", "grading.csv", "labels.csv", "health.csv")
        ],
    output:
        plan.layout.root / "report.html",
    log:
        LOGS / "report.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=plan.analyse(plan.suite.report.headline),
        folder=plan.layout.experiment(plan.suite.report.headline),
        code=fingerprint("report"),
    message:
        "writing the report"
    shell:
        "python -m spurious_rewards report {params.job:q} {params.folder:q} {output:q} 2> {log:q}"
