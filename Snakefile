# Spurious Rewards: Rethinking Training Signals in RLVR (arXiv 2506.10947), from data to tables.
#
#   snakemake --cores all                           everything of the default suite, to results/organism/report.html
#   snakemake --cores all fig3                      one figure or table, and what it needs
#   snakemake --list-target-rules                   names all figures, tables and other targets
#   snakemake --cores all --config suite=small ...  another suite; docs/reference/configuration.md says what a suite is
#
# Each stage is a rule file in workflow/rules/ and a module of the same name in src/spurious_rewards/stages/.


include: "workflow/rules/common.smk"
include: "workflow/rules/helpers.smk"
include: "workflow/rules/handlers.smk"


from spurious_rewards.stages import grade, prune


# The grades are listed, too: Snakemake does not notice a missing file if the files that were made from it exist.
rule all:
    """every figure and table, and the report"""
    input:
        study.paths.report(),
        [study.paths.headline() / "report.html"] if study.suite.report.first else [],
        grade.every_grade(study),
        prune.pruned(study),
    localrule: True


include: "workflow/rules/prepare.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/label.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/bandit.smk"
include: "workflow/rules/memorization.smk"
include: "workflow/rules/contamination.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/training_summary.smk"
include: "workflow/rules/compare_graders.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/headline.smk"
include: "workflow/rules/report.smk"
