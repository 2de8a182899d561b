from spurious_rewards.stages import headline


rule headline:
    """the headline experiment, or the first part of it, with a report of its own; it is made before all else"""
    input:
        made=headline.made_of(study),
    output:
        study.paths.headline() / "report.html",
    log:
        LOGS / "headline.log",
    priority: 4 * FIRST
    conda:
        environment("analyse")
    params:
        job=lambda w: headline.job(study, ledger, paper).as_json(),
        files=lambda w, input, output: files(headline.STAGE, input, report=output[0]),
        code=fingerprint("headline"),
    message:
        "writing the report of the headline"
    shell:
        command("headline")
