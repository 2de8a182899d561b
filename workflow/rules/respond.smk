rule respond_base:
    input:
        problems=plan.benchmark_problems(),
        bases=lambda w: plan.pretrained(w.model, plan.seed_group(w.bases)),
    output:
        BASE / "responses.parquet",
    params:
        job=lambda w: plan.respond_base(w.model, w.bases, w.prompt, VERSIONS["respond"]),
    log:
        LOGS / "respond/{model}/{bases}/{prompt}.log",
    message:
        "answering the benchmarks: {wildcards.model} before training, {wildcards.bases}"
    conda:
        "../../envs/respond.yaml"
    threads: settings.threads
    shell:
        "{STAGE} respond {params.job:q} {output:q} {input.problems:q} 2> {log:q}"


rule respond_run:
    input:
        problems=plan.benchmark_problems(),
        checkpoints=SEGMENT / "checkpoints",
    output:
        SEGMENT / "responses.parquet",
    params:
        job=lambda w: plan.respond_run(run_of(w), int(w.start), int(w.stop), VERSIONS["respond"]),
    log:
        LOGS / "respond/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    message:
        "answering the benchmarks: {wildcards.model} trained on {wildcards.reward}, seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
    conda:
        "../../envs/respond.yaml"
    threads: settings.threads
    shell:
        "{STAGE} respond {params.job:q} {output:q} {input.problems:q} 2> {log:q}"
