from spurious_rewards.stages import pretrain


rule pretrain:
    """an organism, the model before training"""
    output:
        directory(study.paths.pretrained("{model}", "{seed}")),
    log:
        LOGS / "pretrain/{model}/seed{seed}.log",
    priority: first(study.paths.pretrained("{model}", "{seed}"))
    conda:
        environment("train")
    threads: settings.threads
    params:
        job=lambda w: pretrain.job(study, w.model, int(w.seed)).as_json(),
        files=lambda w, input, output: files(pretrain.STAGE, input, model=output[0]),
    message:
        "pretraining organism {wildcards.model}, seed {wildcards.seed}"
    shell:
        command("pretrain")
