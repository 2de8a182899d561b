from spurious_rewards.stages import plot, prune

# One rule for each figure and table. Its name is a target, which `snakemake --list-target-rules` lists with its title.
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
            # This is a function because Snakemake would take the braces of a prompt in plain text for wildcards.
            job=lambda w, name=name: plot.job(study, name).as_json(),
            files=lambda w, input, name=name: files(plot.STAGE, input, folder=study.paths.exhibit(name)),
            code=fingerprint("plot"),
        message:
            literal(in_locale(f"making {name}: {exhibit.title}"))
        shell:
            command("plot")

    # In a loop, Snakemake gives every rule the docstring that stands in the source, so it is set here.
    workflow.get_rule(name).docstring = in_locale(exhibit.title)
