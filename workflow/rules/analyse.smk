EXPERIMENT = plan.layout.experiment("{experiment}")
SCORED = plan.layout.scored("{experiment}", "{model}")


rule score:
    """scores and tables of numbers of an experiment, for one of its models"""
    input:
        grades=lambda w: plan.grades(w.experiment, [w.model]),
        metrics=lambda w: plan.metrics(w.experiment, [w.model]),
        prompts=lambda w: plan.prompts(w.experiment, w.model),
    output:
        scores=SCORED / "scores.parquet",
        tables=[
            SCORED / f"{name}.csv" for name in ("headline", "seeds", "baselines", "comparisons", "before", "grading")
        ],
    log:
        LOGS / "score/{experiment}/{model}.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.score(w.experiment, w.model),
        files=lambda w, input: named_files(input),
        code=fingerprint("score"),
    message:
        "scoring experiment {wildcards.experiment}, {wildcards.model}"
    shell:
        "python -m spurious_rewards score {params.job:q} {output.scores:q} {params.files:q} 2> {log:q}"


rule summarise:
    """what votes and training of an experiment were like"""
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
        job=lambda w: plan.summarise(w.experiment),
        folder=lambda w: plan.layout.experiment(w.experiment),
        files=lambda w, input: named_files(input),
        code=fingerprint("summarise"),
    message:
        "summarising votes and training of experiment {wildcards.experiment}"
    shell:
        "python -m spurious_rewards summarise {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"


rule report:
    """the report, from every figure and table"""
    input:
        [plan.analysed(name) for name in plan.suite.experiments],
        [plan.exhibit_files(name) for name in plan.suite.exhibits],
    output:
        plan.layout.root / "report.html",
    log:
        LOGS / "report.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.report(),
        code=fingerprint("report"),
    message:
        "writing the report"
    shell:
        "python -m spurious_rewards report {params.job:q} {output:q} 2> {log:q}"
