# Spurious Rewards: Rethinking Training Signals in RLVR (arXiv 2506.10947), from data to tables.
#
#   snakemake --cores all                              everything of the default suite, to results/organism/report.html
#   snakemake --cores all fig3                         one figure or table with whatever it needs; `snakemake --list` names them
#   snakemake --cores all --config suite=small ...     another suite; config/README.md says what a suite is
#
# The way of the data: problems, labels, training, responses, grades, scores, figures and tables, report.


include: "workflow/rules/common.smk"


# The grades too, since Snakemake does not miss a file whose followers stand.
rule all:
    """every figure and table, and the report"""
    input:
        plan.layout.report(),
        plan.every_grade(),
        plan.pruned(),
    localrule: True


rule headline:
    """the grades and tables of the headline experiment alone"""
    input:
        plan.analysed(plan.suite.report.headline),
    localrule: True


include: "workflow/rules/prepare.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/respond.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/clipping.smk"
include: "workflow/rules/contamination.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/graders.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/exhibit.smk"
