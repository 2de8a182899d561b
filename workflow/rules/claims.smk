from spurious_rewards.stages import claims


rule claims:
    """the verdict on each claim of the paper, by the rules of config/claims.yaml"""
    input:
        numbers=claims.numbers(study, ledger),
    output:
        study.paths.claims(),
    log:
        LOGS / "claims.log",
    conda:
        environment("analyse")
    params:
        job=lambda w: claims.job(study, ledger, paper).as_json(),
        files=lambda w, input, output: files(claims.STAGE, input, claims=output[0]),
        code=fingerprint("claims"),
    message:
        "judging claims"
    shell:
        command("claims")
