from spurious_rewards.stages import prepare


rule prepare:
    """a problem set, cleaned and in the common schema"""
    input:
        against=lambda w: prepare.against(study, w.set),
    output:
        study.paths.problems("{set}"),
    log:
        LOGS / "prepare/{set}.log",
    priority: 3 * FIRST  # it takes seconds, and the first jobs wait for it
    conda:
        environment("analyse")
    resources:
        locations=places(lambda w: prepare.copies(study, w.set).values()),
    params:
        job=lambda w: prepare.job(study, w.set).as_json(),
        files=lambda w, input, output: files(prepare.STAGE, input, problems=output[0]),
    message:
        "preparing problems {wildcards.set}"
    shell:
        command("prepare")
