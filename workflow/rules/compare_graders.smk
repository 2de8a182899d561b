from spurious_rewards.stages import compare_graders


rule compare_graders:
    """how far three graders agree on the headline's answers, and how far the headline would move"""
    input:
        **compare_graders.inputs(study),
    output:
        compare_graders.files(study),
    log:
        LOGS / "compare_graders.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: compare_graders.job(study).as_json(),
        files=lambda w, input: files(compare_graders.STAGE, input, folder=study.paths.graders()),
        code=fingerprint("compare_graders"),
    message:
        "comparing graders on the answers behind the headline"
    shell:
        command("compare_graders")
