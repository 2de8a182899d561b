rule recall:
    """what a model before training makes of the beginnings of problems"""
    input:
        problems=plan.recalled_problems(),
        bases=lambda w: plan.recalling(w.model),
    output:
        plan.layout.recall("{model}"),
    log:
        LOGS / "recall/{model}.log",
    conda:
        RESPOND_ENV
    threads: lambda w: plan.cores(w.model)
    resources:
        **asks(lambda w: plan.hardware_of_sampling(w.model), lambda w: plan.recall_minutes()),
    params:
        job=lambda w: plan.recall(w.model, VERSIONS["recall"]),
    message:
        asking("completing problems from their beginnings: {wildcards.model} before training")
    shell:
        "exec python -m spurious_rewards.cli recall {params.job:q} {output:q} {input.problems:q} --hardware {resources.hardware:q} 2> {log:q}"


rule contamination:
    """what of the benchmarks stands in the training set, and what models know of problems before training"""
    input:
        problems=plan.problems_compared(),
        recall=plan.recalls(),
    output:
        plan.contamination_files(),
    log:
        LOGS / "contamination.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.contamination(),
        folder=plan.layout.contamination(),
        files=lambda w, input: named_files(input),
        code=fingerprint("contamination"),
    message:
        "comparing training problems with benchmarks"
    shell:
        "python -m spurious_rewards.cli contamination {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"
