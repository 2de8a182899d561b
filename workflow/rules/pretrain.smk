rule pretrain:
    output:
        directory(plan.layout.pretrained("{model}", "{seed}")),
    params:
        job=lambda w: plan.pretrain(w.model, int(w.seed), VERSIONS["pretrain"]),
    log:
        LOGS / "pretrain/{model}/seed{seed}.log",
    message:
        "pretraining organism {wildcards.model}, seed {wildcards.seed}"
    conda:
        "../../envs/train.yaml"
    threads: settings.threads
    shell:
        "{STAGE} pretrain {params.job:q} {output:q} 2> {log:q}"
