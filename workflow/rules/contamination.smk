from spurious_rewards.stages import contamination, memorization


rule contamination:
    """benchmark problems in the training set, and problems that models know before training"""
    input:
        problems=contamination.problems(study),
        completions=memorization.completions(study),
    output:
        contamination.files(study),
    log:
        LOGS / "contamination.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: contamination.job(study).as_json(),
        files=lambda w, input: files(contamination.STAGE, input, folder=study.paths.contamination()),
        code=fingerprint("contamination"),
    message:
        "comparing training problems with benchmarks"
    shell:
        command("contamination")
