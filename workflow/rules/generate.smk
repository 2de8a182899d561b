from spurious_rewards.stages import generate, model_refs, resources


rule generate_base:
    """answers of a model before training"""
    input:
        problems=benchmark_problems(BASE),
        bases=lambda w: model_refs.made_here(study, w.model, group_of(w.bases)),
    output:
        BASE / "responses.parquet",
    log:
        LOGS / "generate/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        GENERATE_ENV
    threads: lambda w: resources.cores(study, w.model)
    resources:
        **asks(
            lambda w: resources.of_sampling(study, w.model),
            lambda w: generate.minutes_of_base(study, w.model, w.bases, w.prompt),
        ),
        locations=places(lambda w: model_refs.local_copies(study, w.model)),
    params:
        job=lambda w: generate.job_of_base(study, w.model, w.bases, w.prompt).as_json(),
        files=lambda w, input, output: files(generate.STAGE, input, responses=output[0]),
    message:
        asking("answering the benchmarks: {wildcards.model} before training ({wildcards.prompt}), {wildcards.bases}")
    shell:
        command("generate", on_hardware=True)


rule generate_run:
    """answers of a segment's checkpoints"""
    input:
        unpack(lambda w: generate.inputs_of_run(study, run_of(w), int(w.start), int(w.stop))),
        problems=benchmark_problems(SEGMENT),
    output:
        SEGMENT / "responses.parquet",
    log:
        LOGS / "generate/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: in_turn("stop", after=1)
    conda:
        GENERATE_ENV
    threads: lambda w: resources.cores(study, w.model)
    resources:
        **asks(
            lambda w: resources.of_answers(study, run_of(w)),
            lambda w: generate.minutes_of_run(study, run_of(w), int(w.start), int(w.stop)),
        ),
        locations=places(lambda w: generate.copies_of_run(study, run_of(w))),
    params:
        job=lambda w: generate.job_of_run(study, run_of(w), int(w.start), int(w.stop)).as_json(),
        files=lambda w, input, output: files(generate.STAGE, input, responses=output[0]),
    message:
        asking(
            f"answering the benchmarks: {{wildcards.model}} trained on {ON_REWARD}, steps {{wildcards.start}} to {{wildcards.stop}}"
        )
    shell:
        command("generate", on_hardware=True)
