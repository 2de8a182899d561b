# Spurious Rewards: Rethinking Training Signals in RLVR (arXiv 2506.10947), from data to tables.
#
#   snakemake --cores all                              the default suite, to results/organism/report.html
#   snakemake --cores all --config suite=small ...     another suite; config/README.md says what a suite is
#
# The way of the data: problems, labels, training, responses, grades, scores, tables and figures, report.


include: "workflow/rules/common.smk"


# The grades too, since Snakemake does not miss a file whose followers stand.
rule all:
    input:
        plan.layout.root / "report.html",
        plan.grades(plan.suite.report.headline),
    localrule: True


include: "workflow/rules/prepare.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/respond.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/analyse.smk"
