EXPERIMENT = plan.layout.experiment("{experiment}")
SCORED = plan.layout.scored("{experiment}", "{model}")


rule score:
    """scores and tables of numbers of an experiment, for one of its models"""
    input:
        unpack(lambda w: plan.score_inputs(w.experiment, w.model)),
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
        "python -m spurious_rewards.cli score {params.job:q} {output.scores:q} {params.files:q} 2> {log:q}"


rule summarise:
    """what votes and training of an experiment were like"""
    input:
        unpack(lambda w: plan.summarise_inputs(w.experiment)),
    output:
        EXPERIMENT / "labels.csv",
        EXPERIMENT / "health.csv",
        EXPERIMENT / "training.csv",
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
        "python -m spurious_rewards.cli summarise {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"


rule report:
    """the report, from every figure and table"""
    input:
        [plan.analysed(name) for name in plan.suite.experiments],
        [plan.exhibit_files(name) for name in plan.suite.exhibits],
        plan.contamination_files(),
        plan.layout.claims(),
        plan.agreement_files(),
    output:
        report(
            str(plan.layout.report()),
            caption="../report/report.rst",
            category="Report",
            labels={"of": "the whole suite", "as": "page"},
        ),
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
        "python -m spurious_rewards.cli report {params.job:q} {output:q} 2> {log:q}"
