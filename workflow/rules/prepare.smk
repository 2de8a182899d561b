rule prepare:
    """problems, cleaned, in one schema"""
    input:
        local=lambda w: plan.local_problems(w.set),
        against=lambda w: plan.against(w.set),
    output:
        plan.layout.problems("{set}"),
    log:
        LOGS / "prepare/{set}.log",
    priority: FIRST  # what is made first waits for it, and it takes seconds
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.prepare(w.set, VERSIONS["prepare"]),
        against=lambda w, input: [f"--against={path}" for path in input.against],
    message:
        "preparing problems {wildcards.set}"
    shell:
        "python -m spurious_rewards.cli prepare {params.job:q} {output:q} {params.against:q} 2> {log:q}"
