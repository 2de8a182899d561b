from spurious_rewards.stages import grade


rule grade_base:
    """the answers of a model before training, and whether each is right"""
    input:
        responses=BASE / "responses.parquet",
        problems=benchmark_problems(BASE),
    output:
        BASE / "grades.parquet",
    log:
        LOGS / "grade/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        environment("analyse")
    params:
        job=lambda w: grade.job(study, study.paths.base(w.model, w.bases, w.prompt), w.model, w.prompt).as_json(),
        files=lambda w, input, output: files(grade.STAGE, input, grades=output[0]),
        code=fingerprint("grade"),
    message:
        "grading {wildcards.model} before training ({wildcards.prompt}), {wildcards.bases}"
    shell:
        command("grade")


use rule grade_base as grade_run with:
    """the answers of a segment's checkpoints, and whether each is right"""
    input:
        responses=SEGMENT / "responses.parquet",
        problems=benchmark_problems(SEGMENT),
    output:
        SEGMENT / "grades.parquet",
    log:
        LOGS / "grade/{model}/{prompt}/{reward}/{variant}/seeds{seeds}/{start}-{stop}.log",
    priority: first(SEGMENT)
    params:
        job=lambda w: grade.job(
            study, study.paths.segment(run_of(w), int(w.start), int(w.stop)), w.model, w.prompt
        ).as_json(),
        files=lambda w, input, output: files(grade.STAGE, input, grades=output[0]),
        code=fingerprint("grade"),
    message:
        f"grading {{wildcards.model}} trained on {ON_REWARD}, steps {{wildcards.start}} to {{wildcards.stop}}"
