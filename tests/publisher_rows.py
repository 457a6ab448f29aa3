"""One made-up row in the exact layout of each publisher, by the name of its loader."""

from __future__ import annotations

from typing import Any

PANDALM = {
    "idx": 7,
    "motivation_app": "Wikipedia",
    "cmp_key": "bloom-7b_opt-7b",
    "instruction": "Translate it.",
    "input": "One word.",
    "response1": "Ein Wort.",
    "response2": "Two words.",
    "annotator1": 1,
    "annotator2": 1,
    "annotator3": 2,
}
WEBGPT = {
    "question": {"dataset": "eli5", "id": "ab1", "full_text": "Why is it blue?"},
    "quotes_0": {"title": ["t"], "extract": ["e"]},
    "answer_0": "It scatters [1].",
    "tokens_0": {"prefix": [1], "completion": [2]},
    "score_0": 0.25,
    "quotes_1": {"title": [], "extract": []},
    "answer_1": "It reflects the sea.",
    "tokens_1": {"prefix": [1], "completion": [3]},
    "score_1": -0.25,
}
SUMMARY = {
    "info": {
        "id": "t3_1",
        "post": "I lost my keys.",
        "title": "Keys",
        "subreddit": "advice",
        "site": None,
        "article": None,
    },
    "summaries": [
        {"text": " Keys are lost.", "policy": "sup1", "note": ""},
        {"text": " A post.", "policy": "ref", "note": "n"},
    ],
    "choice": 0,
    "worker": "w1",
    "batch": "b1",
    "split": "valid1",
    "extra": {"confidence": 7},
}
SHP = {
    "post_id": "p1",
    "domain": "askvet_test",
    "upvote_ratio": 0.9,
    "history": "My cat sneezes.",
    "c_root_id_A": "a",
    "c_root_id_B": "b",
    "score_A": 12,
    "score_B": 4,
    "human_ref_A": "See a vet.",
    "human_ref_B": "Cats do that.",
    "labels": 1,
    "seconds_difference": 60.0,
    "score_ratio": 3.0,
}
HELPSTEER2 = {
    "split": "val",
    "prompt": "Hi\n<extra_id_1>Assistant\nHello.\nHow are you?\n<extra_id_1>User\nFine.",
    "response_1": "Good.",
    "response_2": "Great to hear!",
    "preference_strength": 2,
    "preference_statement": "@Response 2 is better than @Response 1.",
    "preference_elaboration": "It is warmer.",
}
HELPSTEER3 = {
    "domain": "code",
    "language": "python",
    "context": [
        {"role": "user", "content": "Sort a list."},
        {"role": "assistant", "content": "Of what?"},
        {"role": "user", "content": "Of numbers."},
    ],
    "response1": "sorted(x)",
    "response2": "No.",
    "overall_preference": -3,
    "individual_preference": [{"score": -3, "reasoning": "r", "feedback1": "f", "feedback2": "g"}],
}
RMB = {
    "pair_uid": "15101",
    "conversation_input": [
        {"content": "q", "language": "English", "role": "user"},
        {"content": "a", "language": None, "role": "assistant"},
        {"content": "more", "language": "English", "role": "user"},
    ],
    "chosen": {"llm_name": "m1", "answer": "Good."},
    "reject": {"llm_name": "m2", "answer": "Bad."},
    "category_path": "Pairwise_set/Helpfulness/Open QA/Factual",
}
RMB_BON = {
    "conversation_input": RMB["conversation_input"],
    "bon_best": {"llm_name": "m1", "answer": "Best."},
    "loser_list": [{"llm_name": "m2", "answer": "Bad."}, {"llm_name": "m3", "answer": "Worse."}],
    "bon_uid": "2953",
    "category_path": "BoN_set/Harmlessness/S8",
}
PPE = {
    "question_id": "q1",
    "model_a": "m1",
    "model_b": "m2",
    "winner": "model_b",
    "prompt": "Say hi.",
    "response_1": "No.",
    "response_2": "Hi!",
    "language": "English",
    "is_code": False,
}
RIGHT = [i % 4 == 0 for i in range(32)]
PPE_BOK = {
    "question_id": "q7",
    "model_name": "gemma-2-9b-it",
    "prompt": "What is 2 + 2?",
    "scores": RIGHT,
    "mean_score": 0.25,
    **{f"response_{i + 1}": f"answer {i}" for i in range(32)},
    "conflict_pairs": [[0, 5], [1, 4]],
    "sampled_conflict_pairs": [[0, 5], [1, 4], [0, 5]],
}
TRUTHFUL = {
    "type": "Adversarial",
    "category": "Misconceptions",
    "question": "What happens?",
    "best_answer": "Nothing.",
    "correct_answers": ["Nothing.", "Not much."],
    "incorrect_answers": ["You die.", "You grow.", "You shrink."],
    "source": "https://example.org",
}
GSM8K = {
    "question": "How many eggs?",
    "ground_truth": "She has 9.\nA: 9",
    "6b_finetuning": {"is_correct": False, "solution": "It is 1.\nA: 1"},
    "6b_verification": {"is_correct": True, "solution": "It is 9.\nA: 9"},
    "175b_finetuning": {"is_correct": False, "solution": "It is 1.\nA: 1"},
    "175b_verification": {"is_correct": False, "solution": "It is 2.\nA: 2"},
}
HHH = {
    "input": "Can you help me?\n\nAssistant: With what?\n\nHuman: My homework.",
    "targets": {"choices": ["No.", "Of course."], "labels": [0, 1]},
}
PRM = {
    "original_question": "What is 1 + 1?",
    "modified_question": "What is 1 + 1?",
    "original_process": ["One and one.", "That is 2."],
    "modified_process": ["One and one.", "That is 3."],
    "modified_steps": [2],
    "error_steps": [2],
    "reason": "Step 2 is wrong.",
    "idx": "prm_test_p1_0",
    "question": "What is 1 + 1?",
    "classification": "confidence",
}
PROCESS = {
    "id": "gsm8k-0",
    "generator": "Qwen2-7B-Instruct",
    "problem": "What is 1 + 1 + 1?",
    "steps": ["1 + 1 = 2.", "2 + 1 = 4.", "So 4."],
    "final_answer_correct": False,
    "label": 1,
}
LABELLED: dict[str, dict[str, Any]] = {
    "pandalm": PANDALM,
    "webgpt": WEBGPT,
    "summarize-from-feedback": SUMMARY,
    "shp": SHP,
    "helpsteer2": HELPSTEER2,
    "helpsteer3": HELPSTEER3,
}
BENCHMARKS: dict[str, dict[str, Any]] = {
    "rmb": RMB,
    "rmb-bon": RMB_BON,
    "ppe-preference": PPE,
    "ppe-best-of-k": PPE_BOK,
    "ppe-conflicts": PPE_BOK,
    "truthfulqa": TRUTHFUL,
    "gsm8k-solutions": GSM8K,
    "hhh-alignment": HHH,
    "prmbench": PRM,
    "processbench": PROCESS,
}
