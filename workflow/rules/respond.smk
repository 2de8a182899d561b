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
        "../../envs/respond.yaml"
    threads: settings.threads
    params:
        job=lambda w: plan.respond_base(w.model, w.bases, w.prompt, VERSIONS["respond"]),
    message:
        "answering the benchmarks: {wildcards.model} before training ({wildcards.prompt}), {wildcards.bases}"
    shell:
        "python -m spurious_rewards respond {params.job:q} {output:q} {input.problems:q} 2> {log:q}"


rule respond_run:
    """answers of a segment's checkpoints"""
    input:
        problems=benchmark_problems(SEGMENT),
        checkpoints=SEGMENT / "checkpoints",
    output:
        SEGMENT / "responses.parquet",
    log:
        LOGS / "respond/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: first(SEGMENT)
    conda:
        "../../envs/respond.yaml"
    threads: settings.threads
    params:
        job=lambda w: plan.respond_run(run_of(w), int(w.start), int(w.stop), VERSIONS["respond"]),
    message:
        "answering the benchmarks: {wildcards.model} trained on {wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
    shell:
        "python -m spurious_rewards respond {params.job:q} {output:q} {input.problems:q} 2> {log:q}"
