rule vote:
    """samples of the model before training on the training problems"""
    input:
        problems=plan.layout.problems(plan.suite.training_problems),
        bases=lambda w: plan.pretrained(w.model, group_of(w.bases)),
    output:
        BASE / "votes.parquet",
    log:
        LOGS / "vote/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        RESPOND_ENV
    threads: lambda w: plan.cores(w.model)
    resources:
        **asks(lambda w: plan.hardware_of_sampling(w.model), lambda w: plan.vote_minutes(w.model, w.bases)),
    params:
        job=lambda w: plan.vote(w.model, w.bases, w.prompt, VERSIONS["vote"]),
    message:
        asking("sampling votes of {wildcards.model} ({wildcards.prompt}), {wildcards.bases}")
    shell:
        "exec python -m spurious_rewards.cli vote {params.job:q} {input.problems:q} {output:q} --hardware {resources.hardware:q} 2> {log:q}"


rule label:
    """majority labels, and the grades of the samples that voted"""
    input:
        votes=BASE / "votes.parquet",
        problems=plan.layout.problems(plan.suite.training_problems),
    output:
        grades=BASE / "vote_grades.parquet",
        labels=BASE / "labels.parquet",
    log:
        LOGS / "label/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        "../../envs/analyse.yaml"
    params:
        job=lambda w: plan.label(w.model, w.prompt, VERSIONS["label"]),
    message:
        "counting votes of {wildcards.model} ({wildcards.prompt}), {wildcards.bases}"
    shell:
        "python -m spurious_rewards.cli label {params.job:q} {input:q} {output:q} 2> {log:q}"
