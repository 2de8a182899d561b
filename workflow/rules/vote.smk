from spurious_rewards.stages import model_refs, resources, vote


rule vote:
    """samples of the model before training on the training problems"""
    input:
        problems=study.paths.problems(study.suite.training_problems),
        bases=lambda w: model_refs.made_here(study, w.model, group_of(w.bases)),
    output:
        BASE / "votes.parquet",
    log:
        LOGS / "vote/{model}/{bases}/{prompt}.log",
    priority: first(BASE)
    conda:
        GENERATE_ENV
    threads: lambda w: resources.cores(study, w.model)
    resources:
        **asks(lambda w: resources.of_sampling(study, w.model), lambda w: vote.minutes(study, w.model, w.bases)),
        locations=places(lambda w: model_refs.local_copies(study, w.model)),
    params:
        job=lambda w: vote.job(study, w.model, w.bases, w.prompt).as_json(),
        files=lambda w, input, output: files(vote.STAGE, input, votes=output[0]),
    message:
        asking("sampling votes of {wildcards.model} ({wildcards.prompt}), {wildcards.bases}")
    shell:
        command("vote", on_hardware=True)
