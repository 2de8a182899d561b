"""placeholder until the rewards land"""
REGISTRY: dict[str, object] = dict.fromkeys(["ground_truth","majority_vote","incorrect","format","random","python"])
