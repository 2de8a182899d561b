rule pretrain:
    """an organism, the model before training"""
    output:
        directory(plan.layout.pretrained("{model}", "{seed}")),
    log:
        LOGS / "pretrain/{model}/seed{seed}.log",
    priority: first(plan.layout.pretrained("{model}", "{seed}"))
    conda:
        "../../envs/train.yaml"
    threads: settings.threads
    params:
        job=lambda w: plan.pretrain(w.model, int(w.seed), VERSIONS["pretrain"]),
    message:
        "pretraining organism {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python -m spurious_rewards.cli pretrain {params.job:q} {output:q} 2> {log:q}"
