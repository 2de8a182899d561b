from spurious_rewards.stages import model_refs, probe

# Only suites with a section `clipping` have this rule.
if study.suite.clipping:

    rule probe:
        """the antithetic probe: what one rollout batch of random rewards does to the share of code"""
        input:
            problems=study.paths.problems(study.suite.training_problems),
            bases=lambda w: model_refs.made_here(study, w.model, study.suite.clipping.seeds),
        output:
            study.paths.probe("{model}"),
        log:
            LOGS / "probe/{model}.log",
        conda:
            environment("train")
        threads: settings.threads
        params:
            job=lambda w: probe.job(study, w.model).as_json(),
            files=lambda w, input, output: files(probe.STAGE, input, probe=output[0]),
        message:
            "probing what the clip does to random rewards, {wildcards.model}"
        shell:
            command("probe")
