"""What tolerant reads, kind by kind: several members of each, so that a rule is tried and not an example."""

from __future__ import annotations

import pytest

from tests.parsing.plans import CURVATURES, LIST, PLAN, SPEEDS, read, rows

BESIDE_A_LIST = [
    f"I ease off (by 1-2 m/s over the bend) and hold.\n\n{LIST}",
    f"Speed falls by about 0.5 (10%) per second.\n{LIST}",
    f"The gap is 12 m [lidar says 11.8-12.3].\n{LIST}\nTTC (5.2 s) is fine.",
    f"{LIST}\n\n(The curvature stays below 0.005 1/m.)",
    f"1. Brake softly (1-2 m/s\u00b2 at most).\n2. Hold.\n\n{LIST}",
    f"Step 1) look (3 cars), step 2) go: {LIST}",
    f"At (3.4, 0.002) now.\n{LIST}",
    f"Past speeds [3.1, 3.2, 3.2, 3.3, 3.4, 3.4] m/s.\n{LIST}",
    f"(v1 - v0)/t = (3.5 - 3.4)/0.5 = 0.2 m/s^2.\n{LIST}",
    f"a) 3 b) 4 :( {LIST}",
    f"# Plan (3 s)\n{LIST}\n# Notes\n- 2 cars (left)\n- 1 bus",
    f"Here you go: `{LIST}`",
    f'"{LIST}"',
    f"plan = {LIST};",
    f"<answer>{LIST}</answer>",
    f"Sure! \U0001f60a {LIST} \U0001f697",
    f"> {LIST}",
    "The road is clear. " * 2_000 + LIST,
    f"{LIST}\n" + "because it is wet " * 2_000,
    LIST.replace("(", "").replace(")", "").replace("[", "(").replace("]", ")"),
]
INNOCENT_WORDS = [
    "The speed limit is 50 km/h (13.9 m/s); I stay below.",
    "I drive 3.5 m/s = 12.6 km/h.",
    "The sign says 30 mph.",
    "The limit is a few km/h higher ahead.",
    "The sign shows thirty mph.",
    "In m/s (not km/h):",
    "I converted km/h to m/s.",
    "Turn 90 degrees left at the junction after this one.",
    "A gap of 2 x 5 m is free.",
    "I reduce speed by a factor of 2 in fog.",
    "I can't see any vehicles ahead.",
    "I cannot determine the exact speed of the lead car, so I keep my distance.",
    "The gap will not provide enough space to overtake.",
    "I will not give way to the car behind.",
    "I can't help but slow down for the cyclist.",
    "I cannot give exact values, but here is my best estimate:",
    "For example, cyclists may come from the right. I stay slow.",
    "Following the example's format:",
    "Here is the plan in the requested format:",
    "In the form [(v, c)]:",
    "Format: [(v1, c1), ...]\n",
    "My plan would look like this:",
    "Here are the speed and curvature for the next 6 waypoints:",
    "Next waypoints (speed, curvature):",
    "No waypoints, but speeds and curvatures:",
    "The pedestrian's position is unclear, so I slow down.",
    "I track every car (position, speed) and every cyclist.",
    "The steering stays neutral.",
    "Limit 30 (km/h zone).",
    "In km/h it is 18, in m/s it is 5.",
    "No need to convert to km/h.",
    "限速50公里/小时。",
    "Ограничение 60 км/ч.",
    "For instance, the van could stop; I leave a margin.",
    "To be safe (e.g. because of rain), I slow down.",
    "According to the required format:",
    "As an experienced driver, I slow down.",
    "Trajectory:",
    "Speed first, then curvature:",
    "We can't stop abruptly (max 3 m/s^2).",
    "Curvature is about 1/333 m.",
    "Turning radius is large (about 500 m).",
    "I adjust curvature and speed smoothly.",
    "First I check the curvature, then I reduce the speed.",
    "I reduce curvature first because the lane is narrow.",
]
INNOCENT_WORDS_BEHIND = [
    "For example, the first step keeps the speed.",
    "The positions of the pedestrians do not matter.",
    "The first value of each pair is the speed.",
    "Note: I cannot guarantee safety.",
    "The values are speeds and curvatures for six waypoints.",
]
OTHER_SCRIPTS = [
    f"接下来3秒的计划\uff1a{LIST}",
    f"План на 3 секунды:\n{LIST}",
    f"الخطة لـ 3 ثوان:\n{LIST}",
    f"今後3秒間\uff1a{LIST}",
    f"앞으로 3초: {LIST}",
    f"अगले 3 सेकंड: {LIST}",
    f"Σε 3 δευτερόλεπτα: {LIST}",
    f"ב-3 שניות: {LIST}",
    f"{LIST}\n以上是3秒的计划。",
    f"未来3秒\uff1a{LIST[1:-1]}",
]
SIGNS = [
    *(LIST.replace("-", minus) for minus in "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d\u2796"),
    LIST.replace("(", "\uff08").replace(")", "\uff09").replace(",", "\uff0c"),
    LIST.replace("[", "【").replace("]", "】").replace(",", "、"),
    LIST.replace("(", "\u27e8").replace(")", "\u27e9"),
    LIST.replace(".", "\uff0e"),
    LIST.replace(" ", "\u00a0"),
    LIST.replace("(", "\u200b("),
    "\ufeff" + LIST,
    *(
        "".join(chr(zero + int(c)) if c.isdigit() else c for c in LIST)
        for zero in (0xFF10, 0x660, 0x6F0, 0x966, 0x1D7CE)
    ),
    "".join(chr(0x660 + int(c)) if c.isdigit() else {".": "\u066b", ",": "،"}.get(c, c) for c in LIST),
    f"\u201c{LIST}\u201d",
]
NUMBERED = [
    rows(form)
    for form in (
        "{i}. ({v}, {c})",
        "{i}) ({v}, {c})",
        "({i}) ({v}, {c})",
        "{i}: [{v}, {c}]",
        "{i} - ({v}, {c})",
        "{i} \u2013 {v} m/s, {c} 1/m",
        "- Step {i}: ({v}, {c})",
        "Step {i} ({t} s): {v}, {c}",
        "{z}. ({v}, {c})",
        "{t}s: ({v}, {c})",
        "t+{t}s -> ({v}, {c})",
        "At t = {t} s: ({v}, {c})",
        "T{i}: ({v}, {c})",
        "**{i}.** `({v}, {c})`",
        "- ({v}, {c})",
        "\u2022 {v}, {c}",
        "{i}. {v} m/s, {c} 1/m",
        "第{i}步\uff1a({v}, {c})",
        "Шаг {i}: ({v}, {c})",
        "({t}, {v}, {c})",
    )
] + [
    rows("{i}. ({v}, {c})", " "),
    rows("Step {i}: ({v}, {c})", "; "),
    "Over 3 s:\n" + rows("{i}. ({v}, {c})") + "\nThe lane is kept.",
    "\n".join(f"{chr(0x2460 + place)} {pair}" for place, pair in enumerate(PLAN)),
    "\n".join(
        f"{word}: {pair}"
        for word, pair in zip(("First", "Second", "Third", "Fourth", "Fifth", "Sixth"), PLAN, strict=True)
    ),
    "Slow down (2-3 m/s).\n\n" + rows("({v}, {c})"),
    "Slow down (2-3 m/s less).\n" + rows("{i}. {v} m/s, {c} 1/m"),
    "Three cars (12-15 m ahead).\n" + rows("{i}. ({v}, {c})") + "\nThe gap grows (by 2-3 m).",
]
LABELLED = [
    rows(form)
    for form in (
        "{i}. v = {v} m/s, c = {c} 1/m",
        "Step {i}: speed={v}, curvature={c}",
        "- speed: {v} m/s; curvature: {c} m^-1",
        "- speed: {v}\n  curvature: {c}",
        "{v} m/s, {c} rad/m",
        "{v} m/s @ {c} m\u207b\u00b9",
        "{v}m/s,{c}/m",
        "v{i} = {v}, c{i} = {c}",
        "Speed: {v} m/s | Curvature: {c} 1/m",
        "{i}. Speed {v} metres per second, curvature {c} per metre",
        "{i}. Speed (m/s): {v}, Curvature (1/m): {c}",
        "At {t} s go {v} m/s with curvature {c}.",
        "**Step {i}:** Speed: **{v} m/s**, Curvature: **{c} m\u207b\u00b9**",
        "### Step {i}\n- **Speed:** {v} m/s\n- **Curvature:** {c} 1/m\n",
        "curvature {c}, speed {v}",
        "速度{v}米/秒\uff0c曲率{c}",
        "скорость {v} м/с, кривизна {c} 1/м",
        "Geschwindigkeit {v} m/s, Kr\u00fcmmung {c} 1/m",
        '<action speed="{v}" curvature="{c}"/>',
    )
] + [
    "[" + rows("({v} m/s, {c} 1/m)", ", ") + "]",
    "[" + rows("(v={v}, c={c})", ", ") + "]",
    "[" + rows("Action(speed={v}, curvature={c})", ", ") + "]",
    rows("v{i}={v}, c{i}={c}", ", "),
    "I drive " + rows("{v} m/s at {c} 1/m", ", ") + ".",
    "<plan>" + rows("<step><speed>{v}</speed><curvature>{c}</curvature></step>", "") + "</plan>",
]
TABLES = [
    "Two cars (12-15 m ahead).\n\n| v | c |\n|---|---|\n" + rows("| {v} | {c} |"),
    "| Step | Speed (m/s) | Curvature (1/m) |\n|---|---|---|\n" + rows("| {i} | {v} | {c} |"),
    "| Speed | Curvature |\n|:--|--:|\n" + rows("| {v} | {c} |"),
    "| Curvature | Speed |\n|---|---|\n" + rows("| {c} | {v} |"),
    "| Step | Time | Speed (m/s) | Curvature (1/m) | Note |\n|-|-|-|-|-|\n" + rows("| {i} | {t} | {v} | {c} | ok |"),
    "Plan:\n\n| v | c |\n|---|---|\n" + rows("| {v} | {c} |") + "\n\nThe car is at 3.4 m/s now.",
    "| 步骤 | 速度 (m/s) | 曲率 (1/m) |\n|---|---|---|\n" + rows("| {i} | {v} | {c} |"),
    rows("{v} | {c}"),
    "speed,curvature\n" + rows("{v},{c}"),
    "step,speed,curvature\n" + rows("{i},{v},{c}"),
    "time_s;speed_mps;curvature\n" + rows("{t};{v};{c}"),
    rows("{i},{v},{c}"),
    "Time Speed Curvature\n" + rows("{t} {v} {c}"),
    "Step\tSpeed\tCurvature\n" + rows("{i}\t{v}\t{c}"),
    "+---+---+\n| v | c |\n+---+---+\n" + rows("| {v} | {c} |") + "\n+---+---+",
    "\u250c\u2500\u2500\u252c\u2500\u2500\u2510\n\u2502v\u2502c\u2502\n\u251c\u2500\u2500\u253c\u2500\u2500\u2524\n"
    + rows("\u2502{v}\u2502{c}\u2502"),
    "<table><tr><th>speed</th><th>curvature</th></tr>" + rows("<tr><td>{v}</td><td>{c}</td></tr>", "") + "</table>",
    "| | t1 | t2 | t3 | t4 | t5 | t6 |\n|-|-|-|-|-|-|-|\n"
    + f"| Speed | {SPEEDS.replace(', ', ' | ')} |\n| Curvature | {CURVATURES.replace(', ', ' | ')} |",
]
LATEX = [
    f"${LIST}$",
    f"\\boxed{{{LIST}}}",
    f"\\[\n{LIST}\n\\]",
    f"\\[{LIST[1:-1]}\\]",
    "\\[ \\left[" + rows("\\left({v}, {c}\\right)", ", ") + "\\right] \\]",
    "\\begin{bmatrix} " + rows("{v} & {c}", " \\\\ ") + " \\end{bmatrix}",
    rows("$v_{{{i}}} = {v}\\,\\text{{m/s}}$, $c_{{{i}}} = {c}\\,\\text{{m}}^{{-1}}$"),
    rows("\\((v_{i}, \\kappa_{i}) = ({v}, {c})\\)"),
    "[" + ", ".join(f"({v}, {c * 1000:g} \\times 10^{{-3}})" for v, c in PLAN) + "]",
    "[" + ", ".join(f"({v}, {c * 1000:g}\u00d710\u207b\u00b3)" for v, c in PLAN) + "]",
]
COMMENTED = [
    "```python\n[\n" + rows("  ({v}, {c}),  # {t} s, slow (2-3 m/s)") + "\n]\n```",
    "[\n" + rows("  ({v}, {c}),  // step {i}") + "\n]",
    f"[/* six */ {LIST[1:]}",
    f"{LIST}  # done in 3 s",
]
DICTIONARIES = [
    "[" + rows(form, ", ") + "]"
    for form in (
        '{{"speed": {v}, "curvature": {c}}}',
        "{{'v': {v}, 'c': {c}}}",
        "{{speed: {v}, curvature: {c}}}",
        '{{"velocity": {v}, "kappa": {c}}}',
        '{{"t": {t}, "speed": {v}, "curvature": {c}}}',
        '{{"curvature": {c}, "speed": {v}}}',
        '{{"speed_mps": {v}, "curvature_1pm": {c}}}',
        '{{"speed (m/s)": {v}, "curvature (1/m)": {c}}}',
        "dict(speed={v}, curvature={c})",
        '{{"速度": {v}, "曲率": {c}}}',
    )
] + [rows('{{"speed": {v}, "curvature": {c}}}'), "{" + rows('"{i}": [{v}, {c}]', ", ") + "}"]
TWO_LISTS = [
    f"Two cars (12-15 m ahead).\nSpeeds: {SPEEDS}\nCurvatures: {CURVATURES}",
    f"v = [{SPEEDS}]\nc = [{CURVATURES}]",
    f"Speed (m/s): {SPEEDS}\nCurvature (1/m): {CURVATURES}",
    f"**Speeds:** [{SPEEDS}] m/s\n\n**Curvatures:** [{CURVATURES}] 1/m",
    f"Curvatures: [{CURVATURES}]\nSpeeds: [{SPEEDS}]",
    "Speed: " + SPEEDS.replace(", ", " \u2192 ") + "\nCurvature: " + CURVATURES.replace(", ", " -> "),
    f"速度\uff1a[{SPEEDS}]\n曲率\uff1a[{CURVATURES}]",
    f"1) Speeds [m/s]: {SPEEDS}\n2) Curvatures [1/m]: {CURVATURES}",
    f"The speeds over the next 3 s are {SPEEDS} m/s and the curvatures are {CURVATURES} 1/m.",
    f"Past speeds: [3.0, 3.1, 3.2, 3.3, 3.4, 3.4]\nSpeeds: [{SPEEDS}]\nCurvatures: [{CURVATURES}]",
    f"Time: 0.5, 1.0, 1.5, 2.0, 2.5, 3.0\nSpeed: {SPEEDS}\nCurvature: {CURVATURES}",
    "Speeds:\n" + rows("{i}. {v}") + "\nCurvatures:\n" + rows("{i}. {c}"),
]
TWICE = [
    f"{LIST}\n{LIST}",
    f"```\n{LIST}\n```\nSo: {LIST}",
    f"My plan is {LIST}. To repeat: {LIST}",
    f"{LIST}\n\nFinal answer: {LIST.replace('(', '[').replace(')', ']')}",
    f"{LIST}\n\n**Answer:** {LIST.replace(' ', '')}",
    f"{LIST}\nAs JSON: [" + rows('{{"speed": {v}, "curvature": {c}}}', ", ") + "]",
]
READ = {
    "beside a list": BESIDE_A_LIST,
    "innocent words": [f"{words}\n{LIST}" for words in INNOCENT_WORDS],
    "innocent words behind": [f"{LIST}\n{words}" for words in INNOCENT_WORDS_BEHIND],
    "other scripts": OTHER_SCRIPTS,
    "signs": SIGNS,
    "numbered": NUMBERED,
    "labelled": LABELLED,
    "tables": TABLES,
    "LaTeX": LATEX,
    "comments": COMMENTED,
    "dictionaries": DICTIONARIES,
    "two lists": TWO_LISTS,
    "the same twice": TWICE,
}


def members(table: dict[str, list[str]]) -> list:
    return [
        pytest.param(text, id=f"{kind} {place}") for kind, texts in table.items() for place, text in enumerate(texts)
    ]


@pytest.mark.parametrize("text", members(READ))
def test_one_reading_however_it_is_written(text):
    assert read(text) == PLAN


STEP = '{{"speed": {v}, "curvature": {c}}}'


def an_object(step: str = STEP, before: str = '{"actions": [', behind: str = "]}") -> str:
    return before + rows(step, ", ") + behind


JSON = an_object()


@pytest.mark.parametrize(
    "text",
    [
        JSON[:-1] + ', "confidence": 0.9, "ok": true, "x": null}',
        '{"reasoning": "ease off (2-3 m/s), don\'t {hurry}", ' + JSON[1:],
        f'{{"plan": {JSON}}}',
        JSON[:-1] + ", " + JSON[1:],
        JSON.replace("actions", "plan"),
        JSON.replace("speed", "Speed").replace("curvature", "Curvature"),
        JSON.replace("}]", "},]"),
        JSON + "\n" + JSON,
        JSON.replace('"', "'"),
        JSON.replace('"', "\u201d"),
        an_object(behind=" // six\n]}"),
        an_object(before='/* plan */ {"actions": ['),
        an_object(before="[", behind="]"),
        an_object('{{"speed": "{v}", "curvature": "{c}"}}'),
        an_object('{{"speed": "{v} m/s", "curvature": "{c} 1/m"}}'),
        an_object('{{"t": {t}, "speed": {v}, "curvature": {c}, "note": "ok"}}'),
        an_object('{{"speed": {v}, "curvature": {c}, "acceleration": 0.2}}'),
        an_object("{{speed: {v}, curvature: {c}}}"),
        an_object('{{"speed": {{"value": {v}, "unit": "m/s"}}, "curvature": {{"value": {c}, "unit": "1/m"}}}}'),
        an_object('{{"speed": {v}, "curvature": {c}, "heading": 0.1, "x": 1.0}}'),
        an_object('"({v}, {c})"'),
        rows('{{"step": {i}, "speed": {v}, "curvature": {c}}}'),
        f'{{"actions": "{LIST}"}}',
        "{" + rows('"step_{i}": ' + STEP, ", ") + "}",
        an_object("[{v}, {c}]"),
        an_object("({v}, {c})"),
        f'{{"speeds": [{SPEEDS}], "curvatures": [{CURVATURES}]}}',
        f'{{"action": {{"curvature": [{CURVATURES}], "speed": [{SPEEDS}]}}}}',
        f"Fields {{a, b}} and {{c}}: {JSON} (3 s).",
        f"Here:\n```json\n{JSON}\n```\nDone.",
        f"{LIST} or, as an object, {JSON}",
    ],
)
def test_harmless_variants_of_the_object_are_read(text):
    assert read(text, "strict", "json").startswith("format:")
    assert read(text, "tolerant", "json") == PLAN


OTHER = LIST.replace("4.2", "4.3")
SECOND_READINGS = {
    "ambiguous": [
        f"{LIST}\n\nOr: {OTHER}",
        f"{LIST}\n{OTHER}",
        f"Before: {LIST.replace('3.', '2.')}\nPlan: {LIST}",
        f"{OTHER} or better {JSON}",
        f"Speeds: [{SPEEDS}]\nSpeeds: [{SPEEDS.replace('4.2', '4.3')}]\nCurvatures: [{CURVATURES}]",
        "\n".join(f"- {speed / 10}, {curvature}" for speed, curvature in PLAN),
        "\n".join(f"({z + 1},5, 0)" for z in range(6)),
        rows("{i}. {v}"),
    ],
    "wrong_count": [
        rows("{i}. ({v}, {c})") + "\n7. (3.5, 0.0)",
        rows("({v}, {c})") + "\nand (3.5, 0.0)",
        rows("{i}. ({v}, {c})").rsplit("\n", 1)[0],
        "Step 0: speed 3.4 m/s, curvature 0.0 1/m\n" + rows("Step {i}: speed {v} m/s, curvature {c} 1/m"),
        "| Step | Speed | Curvature |\n|-|-|-|\n" + rows("| {i} | {v} | {c} |") + "\n| 7 | 3.5 | 0.0 |",
        f"{LIST}, (3.5, 0.0)",
        f"(3.4, 0.0), {LIST}",
        f"{LIST[:-1]}, ...]",
        f"Speeds: [{SPEEDS}, 3.5]\nCurvatures: [{CURVATURES}]",
    ],
    "wrong_shape": [
        f"{LIST[:-1]}, v 6.0, 0.0)]",
        "[" + rows("({v}, , {c})", ", ") + "]",
        rows("{i}. ({v}, , {c})"),
    ],
    "fused_numbers": [rows("({v}{c})"), rows("({v}, {c})") + "\n(3.7640.002)"],
    "arithmetic": [
        rows("{i}. ({v}-0.5, {c})"),
        rows("({v} - 0.5, {c})"),
        rows("({v} * {c})"),
        rows("({v} m/s-0.5, {c})"),
        f"{LIST} + [(3.5, 0.0)]",
        f"{LIST}+0.1",
    ],
    "scale": [f"{LIST} * 0.5", f"0.5 * {LIST}", f"{LIST} / 10"],
    "truncated": [f"{LIST}\nBetter: [(3.5, 0.0), (3.6,"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECOND_READINGS.items() for text in texts])
def test_a_second_reading_is_refused_by_its_name(kind, text):
    assert isinstance(read(text), str)
    assert read(text) == f"format:{kind}"


@pytest.mark.parametrize(
    "text",
    [
        LIST.replace(")]", "-)]"),
        LIST.replace("3.5,", "3.5**,"),
        f"2{LIST}",
        LIST.replace("3.5, 0.002), (", "3.5 m/s-0.50, ("),
        LIST.replace("(3.8,", "(null3.8,"),
        LIST.replace("(3.8,", "(m^-1.8,"),
        "[" + rows("{v}, {c}").replace("\n", "(\n", 1) + "]",
        "```json(3.5, )\n" + rows("({v}, {c})") + "```",
        "```json[(3.5)0.002, ), " + rows("({v}, {c})", ", ") + "]```",
        rows("({v}, {c})").replace("(3.5,", "3.5,"),
        rows("{i}. ({v}, {c})") + "\n(3.5",
    ],
)
def test_a_damaged_list_is_not_read_in_part(text):
    assert read(text).startswith("format:")
