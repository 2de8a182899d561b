from spurious_rewards.stages import compare_graders, contamination, plot
from spurious_rewards.stages import report as report_stage  # `report` is a function of Snakemake


rule report:
    """the report, from every figure and table"""
    input:
        [report_stage.numbers(study, name) for name in study.suite.experiments],
        [plot.files(study, name) for name in study.suite.exhibits],
        contamination.files(study),
        study.paths.claims(),
        compare_graders.files(study),
    output:
        report(
            str(study.paths.report()),
            caption="../report/report.rst",
            category="Report",
            labels={"of": "the whole suite", "as": "page"},
        ),
    log:
        LOGS / "report.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: report_stage.job(study).as_json(),
        files=lambda w, input, output: files(report_stage.STAGE, input, report=output[0]),
        code=fingerprint("report"),
    message:
        "writing the report"
    shell:
        command("report")
