# A rule for each figure and table, whose name is a target: `snakemake --list` says what they are.
for name, exhibit in plan.suite.exhibits.items():

    rule:
        name:
            name
        input:
            plan.pruned(exhibit.experiment, exhibit.models) if exhibit.experiment else [],
            **plan.inputs(name),
        output:
            [in_report(path, name, exhibit) for path in plan.exhibit_files(name)],
        log:
            LOGS / f"exhibit/{name}.log",
        conda:
            "../../envs/analyse.yaml"
        params:
            # A function: in plain text Snakemake would take the braces of a prompt for wildcards.
            job=lambda w, name=name: plan.exhibit(name),
            folder=plan.layout.exhibit(name),
            files=lambda w, input: named_files(input),
            code=fingerprint("exhibit"),
        message:
            f"making {name}: {exhibit.title}"
        shell:
            "python -m spurious_rewards.cli exhibit {params.job:q} {params.folder:q} {params.files:q} 2> {log:q}"

    # Snakemake takes the docstring of a rule in a loop for that of every turn.
    workflow.get_rule(name).docstring = exhibit.title
