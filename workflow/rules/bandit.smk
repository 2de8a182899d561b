from spurious_rewards.stages import bandit

# Only suites with a section `clipping` have this rule.
if study.suite.clipping:

    rule bandit:
        """the two-action bandit under random rewards"""
        output:
            study.paths.bandit(),
        log:
            LOGS / "bandit.log",
        conda:
            environment("analyse")
        params:
            job=lambda w: bandit.job(study).as_json(),
            files=lambda w, input, output: files(bandit.STAGE, input, bandit=output[0]),
            code=fingerprint("bandit"),
        message:
            "running the bandit"
        shell:
            command("bandit")
