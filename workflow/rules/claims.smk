rule claims:
    """the verdict on each claim of the paper, by the rules of config/claims.yaml"""
    input:
        plan.judged(ledger),
    output:
        plan.layout.claims(),
    log:
        LOGS / "claims.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.claims(ledger),
        code=fingerprint("claims"),
    message:
        "judging claims"
    shell:
        "python -m spurious_rewards.cli claims {params.job:q} {output:q} {input:q} 2> {log:q}"
