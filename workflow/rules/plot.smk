from spurious_rewards.stages import plot, prune

# A rule for each figure and table, whose name is a target: `snakemake --list` says what they are.
for name, exhibit in study.suite.exhibits.items():

    rule:
        name:
            name
        input:
            prune.pruned(study, exhibit.experiment, exhibit.models) if exhibit.experiment else [],
            **plot.inputs(study, name),
        output:
            [in_report(path, name, exhibit) for path in plot.files(study, name)],
        log:
            LOGS / f"plot/{name}.log",
        conda:
            environment("analyse")
        params:
            # A function: in plain text Snakemake would take the braces of a prompt for wildcards.
            job=lambda w, name=name: plot.job(study, name).as_json(),
            files=lambda w, input, name=name: files(plot.STAGE, input, folder=study.paths.exhibit(name)),
            code=fingerprint("plot"),
        message:
            literal(in_locale(f"making {name}: {exhibit.title}"))
        shell:
            command("plot")

    # Snakemake takes the docstring of a rule in a loop for that of every turn.
    workflow.get_rule(name).docstring = in_locale(exhibit.title)
