rule agreement:
    """how far three graders agree on the headline's answers, and how far the headline would move"""
    input:
        **plan.judged_answers(),
    output:
        plan.agreement_files(),
    log:
        LOGS / "agreement.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.agreement(),
        folder=plan.layout.graders(),
        files=lambda w, input: named_files(input),
        code=fingerprint("agreement"),
    message:
        "comparing graders on the answers behind the headline"
    shell:
        "python -m spurious_rewards.cli agreement {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"
