rule grade_base:
    input:
        responses=BASE / "responses.parquet",
        problems=plan.benchmark_problems(),
    output:
        BASE / "grades.parquet",
    log:
        LOGS / "grade/{model}/{bases}/{prompt}.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.grade(w.prompt),
        code=fingerprint("grade"),
    message:
        "grading {wildcards.model} before training, {wildcards.bases}"
    shell:
        "python -m spurious_rewards grade {params.job:q} {input.responses:q} {output:q} {input.problems:q} 2> {log:q}"


use rule grade_base as grade_run with:
    input:
        responses=SEGMENT / "responses.parquet",
        problems=plan.benchmark_problems(),
    output:
        SEGMENT / "grades.parquet",
    log:
        LOGS / "grade/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    message:
        "grading {wildcards.model} trained on {wildcards.reward}, seeds {wildcards.seeds}, steps {wildcards.start} to {wildcards.stop}"
