from spurious_rewards.stages import memorization, model_refs, resources


rule memorization:
    """how a model before training completes problems from their beginnings"""
    input:
        problems=memorization.problems(study),
        bases=lambda w: memorization.made_here(study, w.model),
    output:
        study.paths.memorization("{model}"),
    log:
        LOGS / "memorization/{model}.log",
    conda:
        GENERATE_ENV
    threads: lambda w: resources.cores(study, w.model)
    resources:
        **asks(lambda w: resources.of_sampling(study, w.model), lambda w: memorization.minutes()),
        locations=places(lambda w: model_refs.local_copies(study, w.model)),
    params:
        job=lambda w: memorization.job(study, w.model).as_json(),
        files=lambda w, input, output: files(memorization.STAGE, input, completions=output[0]),
    message:
        asking("completing problems from their beginnings: {wildcards.model} before training")
    shell:
        command("memorization", on_hardware=True)
