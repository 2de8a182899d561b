from spurious_rewards.stages import prepare


rule prepare:
    """problems, cleaned, in one schema"""
    input:
        local=lambda w: prepare.local(study, w.set),
        against=lambda w: prepare.against(study, w.set),
    output:
        study.paths.problems("{set}"),
    log:
        LOGS / "prepare/{set}.log",
    priority: FIRST  # what is made first waits for it, and it takes seconds
    conda:
        environment("analyse")
    params:
        job=lambda w: prepare.job(study, w.set).as_json(),
        files=lambda w, input, output: files(prepare.STAGE, input, problems=output[0]),
    message:
        "preparing problems {wildcards.set}"
    shell:
        command("prepare")
