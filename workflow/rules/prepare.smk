rule prepare:
    output:
        plan.layout.problems("{set}"),
    params:
        job=lambda w: plan.prepare(w.set, VERSIONS["prepare"]),
    log:
        LOGS / "prepare/{set}.log",
    message:
        "preparing problems {wildcards.set}"
    conda:
        "../../envs/analyse.yaml"
    shell:
        "{STAGE} prepare {params.job:q} {output:q} 2> {log:q}"
