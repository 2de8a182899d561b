rule respond_base:
    """answers of a model before training"""
    input:
        problems=benchmark_problems(BASE),
        bases=lambda w: plan.pretrained(w.model, group_of(w.bases)),
    output:
        BASE / "responses.parquet",
    log:
        LOGS / "respond/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        RESPOND_ENV
    threads: lambda w: plan.cores(w.model)
    resources:
        **asks(lambda w: plan.hardware_of_sampling(w.model), lambda w: plan.base_minutes(w.model, w.bases, w.prompt)),
    params:
        job=lambda w: plan.respond_base(w.model, w.bases, w.prompt, VERSIONS["respond"]),
    message:
        asking("answering the benchmarks: {wildcards.model} before training ({wildcards.prompt}), {wildcards.bases}")
    shell:
        "exec python -m spurious_rewards.cli respond {params.job:q} {output:q} {input.problems:q} --hardware {resources.hardware:q} 2> {log:q}"


rule respond_run:
    """answers of a segment's checkpoints"""
    input:
        unpack(lambda w: plan.answering(run_of(w), int(w.start), int(w.stop))),
        problems=benchmark_problems(SEGMENT),
    output:
        SEGMENT / "responses.parquet",
    log:
        LOGS / "respond/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: in_turn("stop")
    conda:
        RESPOND_ENV
    threads: lambda w: plan.cores(w.model)
    resources:
        **asks(
            lambda w: plan.hardware_of_answers(run_of(w)),
            lambda w: plan.run_minutes(run_of(w), int(w.start), int(w.stop)),
        ),
    params:
        job=lambda w: plan.respond_run(run_of(w), int(w.start), int(w.stop), VERSIONS["respond"]),
    message:
        asking(
            "answering the benchmarks: {wildcards.model} trained on {wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
        )
    shell:
        "exec python -m spurious_rewards.cli respond {params.job:q} {output:q} {input.problems:q} --hardware {resources.hardware:q} 2> {log:q}"
