"""The phrases that ``words`` looks for, by what they say. Texts are normalised: agreeing units are marks, signs are plain.

A phrase of Latin letters ends and begins at a word's end; one of a script without spaces may be anywhere.
"""

from __future__ import annotations

import re

from lightemma.parsing.names import CURVATURE_WORDS, SPEED_WORDS
from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT


def one_of(*ways: str) -> str:
    """A pattern that matches any of the ways."""
    return f"(?:{'|'.join(ways)})"


def compiled(*ways: str) -> re.Pattern[str]:
    """Any of the ways, in capitals or not."""
    return re.compile(one_of(*ways), re.IGNORECASE)


SPEED = one_of(SPEED_WORDS)
CURVATURE = one_of(CURVATURE_WORDS)
SPEED_RE, CURVATURE_RE = compiled(SPEED), compiled(CURVATURE)


def _latin(*ways: str) -> str:
    """Any of the ways as a word: no Latin letter before or behind it."""
    return f"(?<![a-z]){one_of(*ways)}(?![a-z])"


# --- other units ------------------------------------------------------------------------------------------------------

_HOUR = r"h(?:r|ours?)?"
OTHER_UNIT_RE = compiled(
    _latin(
        rf"km\s?/?\s?{_HOUR}",
        r"k\.?p\.?h",
        "kmph",
        r"kms?\s?per\s?(?:hr|hour)",
        rf"kilomet(?:er|re)s?\s?(?:/|-|per|an)\s?(?:an\s)?{_HOUR}",
        r"m\.?p\.?h",
        rf"mi(?:les?)?\s?(?:/|per|an)\s?(?:an\s)?{_HOUR}",
        r"(?:ft|feet|foot)\s?(?:/|per)\s?s(?:ec(?:ond)?)?",
        "knots?",
        r"[kcmd]m\s?/\s?s(?:ec)?",
        r"m\s?/\s?(?:min|h)",
        r"met(?:er|re)s?\s?per\s?(?:minute|hour)",
        r"kilometern?\s(?:pro|je)\sstunde",
        "stundenkilometern?",
        "km/std",
        r"kil[oóò]m\w+\s?(?:/|-|par\s|por\s|all')\s?(?:h\w*|ora)",
        r"quilômetros\s(?:por|/)\s?h\w*",
        r"chilometri\s(?:orari|all'ora)",
        r"millas\spor\shora",
        r"1\s?/\s?(?:km|cm|mm|ft)",
        r"(?:per|/)\s?(?:kilomet(?:er|re)|km|foot|ft)",
        r"[kcm]m\s?\^?\s?[({]?-1[)}]?",
        rf"(?<={SPEED_UNIT})\s?,\s?(?:deg(?:ree)?s?|rad)\b",
        rf"deg(?:ree)?s?\s?(?:{CURVATURE_UNIT}|(?:/|per)\s?\w{{1,7}})",
        r"m?rad\s?/\s?(?:sec|s|km)",
        r"rad(?:ian)?s?\s?per\s?sec(?:ond)?",
    ),
    r"км\s?/\s?ч(?:ас)?",
    r"километр\w*\s(?:в|за)\sчас",
    r"мил\w*\s?(?:/|в)\s?ч(?:ас)?",
    r"(?:公里|千米|英里|km)\s?(?:/|每|毎)?\s?(?:小时|小時|时|時|h)",
    "时速|時速|キロ毎時|시속",
    r"كم\s?/\s?(?:س|ساعة)",
    r"(?:كيلومت|ميل)\w*\s?(?:في|/)\s?(?:ال)?ساعة",
    r"°\s?/\s?\w",
)
#: The number that a unit belongs to: "50 km/h", or "in km/h it is 50".
NUMBER_BEFORE_RE = re.compile(r"(?<![A-Za-z_\d.])(\d+(?:\.\d+)?|\.\d+)\s?-?\s?$")
NUMBER_BEHIND_RE = re.compile(
    r"(?:\s(?:(?:it|this|that)\s)?(?:would\sbe|is|was|=|≈)\s|(?<=[速속])(?:约|为|是)?\s?)(\d+(?:\.\d+)?)"
)
#: Before a unit: it is denied, converted from, or counted in words.
DENIED_RE = re.compile(
    one_of(
        r"\b(?:not|no|from|instead\sof|rather\sthan)|n't|\bno\sneed\s(?:\w+\s){1,3}|\bwithout\s(?:\w+\s){1,2}",
        r"\b(?:nicht|statt|pas|au\slieu\sde|non|en\svez\sde|nie)",
        r"\b(?:few|some|several|couple\sof|many|ten|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred)",
        "не|вместо|不是|而非|非|ليس|ليست",
    )
    + r"[\s(]*(?:(?:in|the|en|в|用|use|using|are)\s?)*$",
    re.IGNORECASE,
)
#: Behind a unit: it is converted to ours, or a road's.
REMARKED_RE = compiled(
    rf"\s?(?:in)?(?:to|->|→|=>|в|nach|转换为|换算成)\s?{SPEED_UNIT}",
    r"\s?(?:zones?|signs?|limits?|areas?|roads?|streets?)\b",
)

# --- multiples --------------------------------------------------------------------------------------------------------

_TEN_TO_THE = r"(?:1(?:\.0)?e[-+]?\d+|10\s?(?:\^|\*\*)\s?[({]?[-+]?\d+[)}]?)"
_A_POWER_OF_TEN = (
    one_of(
        r"10{1,6}(?:\.0+)?", _TEN_TO_THE, r"0?\.0*1", r"1\s?/\s?10+", r"1[, ]000", r"(?:a\s)?(?:ten|hundred|thousand)",
        r"3\.6", r"2\.23\d*",
    )
    + r"(?![\w.]*\d)"
)  # fmt: skip
_TIMES = one_of(
    r"(?<![a-z])x\s?|[×*·]\s?|\btimes\s",
    r"\b(?:multipl|divid)\w+\s(?:[^\n.]{0,24}\s)?(?:by|with)\s",
    r"\bscal(?:ed?|ing)\b[^\n.;:]{0,20}?[\s:(]",
    r"\bfactor\s?(?:of|:|=|is)?\s?",
    r"\bin\sunits?\sof\s|\bunits?\s(?:are|is|of|=)\s|\bunits?:\s?",
    r"\bmal\s|\bmultipli\w+\sp(?:ar|or|er)\s|умнож\w+\sна\s",
    r"(?:乘以|乘|除以|放大|缩放|倍数)\s?",
)
SCALE_RE = compiled(
    rf"{_TIMES}\(?\s?{_A_POWER_OF_TEN}",
    rf"(?<![\w.])10+\s?[x×*·]\s?(?:the\s)?(?:{CURVATURE}|[ckv]\b)",
    rf"\b(?:{CURVATURE}|{SPEED})\s?/\s?10+\b",
    r"\b(?:ten|hundred|thousand|10+)\s?(?:times|fold)\s(?:too|as|the|larger|smaller|higher|lower)",
    rf"\b(?:{CURVATURE}|{SPEED}|values|numbers|pairs)\W+(?:\w+\W+){{0,2}}normali[sz]ed|\bnormali[sz]ed\s(?:to|by|values|{CURVATURE}|{SPEED})",
    r"\bfractions?\sof\s(?:the\s)?(?:\d|max|top|full|speed\slimit)",
    r"\b(?:thousandths?|hundredths?|milli)\b",
    r"\bper\s?mille?\b",
    rf"\bper\s?(?:cent|thousand)\b(?=\W*{CURVATURE_UNIT})",
    r"\bin\s(?:percent|%)|‰",
    r"(?:per|/)\s?\(?\s?10+\s?(?:m|met(?:er|re)s?)\b",
    rf"[(\[/,]\s?(?:in\s)?{_TEN_TO_THE}\s?[{CURVATURE_UNIT}{SPEED_UNIT})\]/]",
    rf"\bin\s{_TEN_TO_THE}",
    "千分之|百分之|千倍|毫弧",
)

# --- the other order --------------------------------------------------------------------------------------------------

_NAME = r"[^\W\d][^()\[\]<>{}|,;/\n]{0,40}?"
#: Two names in brackets, as "(curvature, speed)".
HEADING_RE = re.compile(rf"[(\[<{{]\s*({_NAME})\s*[,;|/]\s*({_NAME})\s*[)\]>}}]")
_IS = r"(?:is|are|comes?|goes|given|listed|stands)"
_ENTRY = r"(?:number|value|entry|element|column|component|item|one)s?"
ORDER_RE = compiled(
    rf"\b{CURVATURE}\s(?:values?\s)?(?:{_IS}\s){{1,2}}first\b",
    rf"\b{CURVATURE}\sfirst(?:\W{{1,3}}(?:(?:and|then)\s){{0,2}}(?:the\s)?{SPEED}|\s?[:)\n])",
    rf"\b{CURVATURE}\s(?:{_IS}\s)?(?:before|followed\sby)\s(?:the\s)?{SPEED}",
    rf"\b{CURVATURE},?\s(?:and\s)?then\s(?:the\s)?{SPEED}\s?[:)\n]",
    rf"\b{CURVATURE}\s?[,/|-]\s?{SPEED}\s?(?:pairs?|tuples?|order|format|values)?\s?[:)\]|\n]",
    rf"\bpairs?\sof\s(?:the\s)?{CURVATURE}\s?(?:and|,|/|&)\s?(?:the\s)?{SPEED}",
    rf"\b{CURVATURE}\s?(?:and|&)\s?{SPEED}\s(?:pairs?|tuples?|order)",
    rf"\b{CURVATURE}\s?(?:and|,|&)\s?{SPEED},?\s\(?in\s(?:this|that)\sorder",
    rf"\border\b[^\n.]{{0,20}}\b{CURVATURE}\W{{1,3}}(?:(?:and|then)\s){{0,2}}{SPEED}",
    rf"\bfirst\s(?:{_ENTRY}\b[^\n.]{{0,20}}\b)?(?:the\s)?{CURVATURE}\b[^\n.]{{0,20}}\b(?:second|last)\b",
    rf"\bfirst\s{_ENTRY}\b[^\n.]{{0,24}}\b{CURVATURE}",
    rf"\b(?:second|last)\s{_ENTRY}\b[^\n.]{{0,24}}\b{SPEED}",
    rf"\b{SPEED}\s{_IS}\s(?:second|last)\b",
    r"曲率\s?(?:,|/|和|与)\s?速度\s?(?:对|:|\)|的顺序)|先曲率|曲率在前",
)

# --- other quantities -------------------------------------------------------------------------------------------------

_WAYPOINTS = (r"way-?\s?points?", "轨迹点|路径点|航点")
_X_AND_Y = r"x\s?(?:,|and|/)\s?y"
X_IS_RE = compiled(r"\bx\s(?:is|=|denotes|points)\s[^\n]{0,30}\by\s(?:is|=|denotes|points)\s")
_OTHER = _latin(
    *_WAYPOINTS,
    "coordinates?|coords|positions?|locations?|displacements?|offsets?",
    r"(?:trajectory|path)\spoints?",
    r"wegpunkte?n?|koordinaten|positionen",
    r"points\sde\s(?:passage|cheminement)|coordonnées",
    r"puntos\sde\s(?:paso|ruta|referencia)|coordenadas|posiciones",
    r"pontos\sde\s(?:passagem|rota)|coordinate|posizioni",
    "路点|航路点|坐标|位置|ウェイポイント|座標|웨이포인트|좌표",
    r"координат\w*|путев\w+\sточ\w+|точки\s(?:пути|маршрута|траектории)|позиции",
    r"إحداثيات|نقاط\sالطريق",
    r"steer(?:ing(?:\sangles?)?)?|yaw\srates?|headings?|accelerations?|throttle|lat\s?[/,]\s?lon\w*|xy",
)
_SMALL_WORDS = one_of(
    "are|is|will|be|would|as follows|following|now|planned|predicted|in|for|over|of|at|the|next|future|coming",
    "ego|vehicle|car|relative to|frame|coordinates?|points?|met(?:er|re)s?|seconds?|steps?|s|m",
    r"\d+(?:\.\d+)?|sind|sont|son|为|是|如下",
)
#: The list's own name: nothing but a few small words between it and the list.
OTHER_LEAD_RE = re.compile(rf"{_OTHER}\W*(?:\([^()\n]{{0,60}}\)\W*)?(?:{_SMALL_WORDS}\b\W*)*$", re.IGNORECASE)
WAYPOINTS_RE = compiled(_latin(*_WAYPOINTS))
_THE_NUMBERS = r"(?:these|those|all|they|each|(?:the\s)?(?:values|numbers|pairs|tuples|entries))"
_ARE = r"(?:are|is|represents?|denotes?|means?|gives?|corresponds?\sto|as)"
OTHER_BEHIND_RE = compiled(
    rf"^\W*{_THE_NUMBERS}\b[^\n.]{{0,20}}?\b{_ARE}\b[^\n.]{{0,40}}?(?:{_OTHER}|{_latin(_X_AND_Y)})",
    rf"^\W*\(\s*{_OTHER}\b",
)
_METRES = r"met(?:er|re)s?\b(?!\s?(?:/|per|a\s))"
METRES_RE = compiled(
    rf"\b(?:in|unit|units|all)\W{{0,3}}(?:are\s|in\s)?{_METRES}", r"\b[xy]\s?(?:,|and|/|-)\s?[xy]\b", r"[(\[]m, ?m[)\]]"
)
METRES_BEHIND_RE = compiled(
    rf"^\W*(?:(?:all|values?|units?|they|these|numbers?)\s)*(?:(?:are|is)\s)?(?:in|:)\s?{_METRES}"
)

# --- examples and reminders of the format -----------------------------------------------------------------------------

EXAMPLE_RE = compiled(
    _latin(
        r"for\s(?:example|instance)|e\.\s?g|such\sas|examples?|samples?|illustrat\w+",
        r"placeholders?|templates?|dummy|hypothetical\w*|typical(?:ly)?|generic",
        r"(?:would|should|could|might|can|must)\s(?:\w+\s){0,2}(?:looks?\s)?(?:something\s)?like",
        r"zum\sbeispiel|z\.\s?b|beispiel\w*|etwa\sso",
        r"par\sexemple|exemples?|p\.\s?ex|por\s(?:ejemplo|exemplo)|ejemplos?|exemplos?",
        r"ad\sesempio|esempio|bijvoorbeeld|voorbeeld|na\sprzykład|przykład\w*|örneğin|örnek",
    ),
    "например|пример|例如|比如|譬如|示例|例子|例えば|例:|예를 들어|예시|مثال|مثلا",
)
_THE_SAME = r"(?:in|the|your|that|given|same|as|form\sof|format|style|shape)"
#: The example's form is kept, or the plan itself "would look like this".
NO_EXAMPLE_RE = compiled(
    rf"\b(?:like|as|following|per|matching|from|than|with|of)\s(?:{_THE_SAME}\s)*examples?\b",
    r"\bexample(?:'s)?\s(?:form|format|style)\b",
    r"\b(?:my|the|this)\s(?:\w+\s){0,2}(?:plan|prediction|trajectory|sequence)\s(?:would|could|might)\s",
    r"\b(?:not|no|isn't|n't)\s(?:(?:just|only|merely)\s)?(?:(?:an?|the)\s)?example",
)
#: Leads that make whatever follows hypothetical or a quotation.
AS_IF_RE = compiled(r"\bif\s(?:i|you|we)\s(?:could|had|were)\b", r"\bas\sin\W*$")
LIKE_RE = compiled(r"\blike\W*$")
ABOUT_ANSWERS_RE = compiled(r"\b(?:list|answers?|output|format|response|values|pairs|tuples)\b")
FORMAT_RE = compiled(
    _latin("format|formats|formatted|formato|syntax|schema|structure|form"), r"格式|形式|формат\w*|형식|تنسيق|صيغة"
)
NAMES_IN_BRACKETS_RE = re.compile(r"[(\[][(\[ ]*[^\W\d_]")
#: A format that should be kept is a reminder.
MUST_RE = compiled(
    r"\b(?:should|must|needs?\sto|has\sto|have\sto|please|would|expects?|expected\sto|supposed\sto|always)\b",
    r"\b(?:remember|reminder|note\sthat)\b",
    r"^\W*(?:use|reply|respond|answer|provide|return|give|output|write)\b",
    r"请|应|必须|пожалуйста|долж|\b(?:bitte|muss|veuillez|doit|por\sfavor|debe)\b",
)
#: The list is offered as the answer.
OFFER_RE = compiled(
    r"\bhere(?:'s|\s(?:is|are|comes?))\b",
    r"\bmy\s(?:\w+\s){0,2}(?:plan|answer|prediction|actions?|estimate|response|output|decision|choice)\b",
    r"\b(?:best|reasonable|educated)\s(?:estimate|guess)",
    r"\bi\s(?:predict|plan|propose|choose|suggest|would\sdrive|will\sdrive)",
    r"\b(?:predicted|planned|proposed|requested|asked|following|below|as\sfollows|next\s(?:six|6)|(?:six|6)\spairs)\b",
    r"\b(?:according\sto|in\sline\swith|in\saccordance\swith|matching|as\sper)\b",
    r"^\W*(?:the\s)?(?:final\s)?(?:answer|plan|output|result|predictions?|actions?)\b"
    r"(?!\s?(?:format|form|structure|syntax|schema))",
    r"如下|以下|按照|规划|预测|预估|мой план|вот|\b(?:hier|voici|aquí|aqui|ecco)\b",
)
_MADE_UP = one_of(
    r"examples?|illustrat\w+|placeholders?|samples?|dummy|templates?|format",
    "made[- ]up|fictional|hypothetical|random|arbitrary",
)
EXAMPLE_BEHIND_RE = compiled(
    r"^\W*(?:(?:(?:this|that|it)\sis|these\sare|(?:these\s)?(?:values|numbers)\sare|is|was|are|as|just|only|merely|an?|the)\W+)+"
    rf"(?:\w+\W+){{0,2}}?{_MADE_UP}\b",
    r"^\W*(?:for\s)?(?:(?:format|output|answer)\s)?(?:example|illustration|placeholder|sample)s?(?:\s(?:only|purposes?|values?|format|output|answer))*\W*$",
    r"^\W*(?:仅供|只是|仅为|这是一?个?)?(?:示例|例子|参考格式)",
    r"^\W*(?:это|только)?\W*(?:только|лишь)?\W*пример",
)

# --- refusals ---------------------------------------------------------------------------------------------------------

_I = r"(?:\b(?:i|we|sorry|assistant|model|apologi[sz]e)\b[^\n.]{0,24}?|(?:^|[.!?:\n])\W{0,6})"
_CANNOT = one_of(
    r"can\s?not|can't|could\snot|couldn't|won't|will\snot|refuse\sto",
    r"(?:am\s|'m\s|are\s|be\s)?(?:not\sable|unable|not\sallowed|not\spermitted)\sto",
    r"(?:must\s|have\sto\s|need\sto\s)?decline\sto",
)
_ANSWER = (
    r"(?:(?:an?y?|the|your|you|exact|specific|precise|real|actual|such|these|those|future|next|driving|reliable|safe|ego"
    r"|vehicle|car|control)\s){0,4}"
) + one_of(
    r"plans?|actions?|answers?|predictions?|trajector\w+|values?|numbers?|pairs?|lists?|instructions?|commands?",
    r"speeds?(?!\s(?:of|at))|curvatures?|estimates?|advice|recommendations?|decisions?|(?:that|this|it)\b",
)
_HELP = one_of(
    r"help(?!\sbut)|assist|comply|fulfil\w*|advise|do\s(?:that|this|so|it)\b",
    r"(?:answer|respond\sto|complete)\s(?:(?:that|this)\b|(?:your|the)\s(?:request|question|task|prompt))",
    r"(?:provide|offer|supply|generate|produce|recommend|issue|give|predict|determine|create|output|return|plan|make|suggest)"
    rf"\s{_ANSWER}",
    r"(?:drive|control|operate|steer)\s(?:(?:an?|the|your|this|real|actual)\s){0,2}(?:vehicles?|cars?)\b",
    r"(?:view|access|open|process|analy[sz]e)\s(?:(?:the|an?y?|this|that|your|attached)\s){0,2}"
    r"(?:images?|pictures?|videos?|photos?)",
)
REFUSAL_RE = compiled(
    rf"{_I}{_CANNOT}\s(?:\w+ly\s)?{_HELP}",
    r"\bas\s(?:an\sai\b(?:\slanguage)?(?:\smodel|\sassistant|\ssystem|,)|a\slanguage\smodel)",
    r"\bi(?:'m|\sam)\s(?:just|only)\san?\s(?:ai|language\smodel|assistant)",
    r"\bdo(?:n't|\snot)\s(?:have\sthe\sability|feel\s(?:able|comfortable))",
    r"\bnot\s(?:comfortable\s(?:with\s)?\w+ing|possible\sfor\sme)\b",
    r"\bkann\skeinen?\s\w+\s(?:geben|liefern|erstellen|machen)",
    r"\bi\s(?:(?:must|have\sto|need\sto)\s)?(?:decline|refuse)\b",
    r"\bno\s(?:image|picture|photo)\s(?:was|is|has\sbeen)\s(?:provided|attached|given|visible|included)",
    r"(?:抱歉|对不起|很遗憾).{0,20}(?:无法|不能|不可)",
    r"(?:无法|不能)(?:提供|协助|帮助|回答|预测|完成|给出|驾驶|控制)",
    r"не\s(?:могу|в\sсостоянии|имею\sвозможности)\s(?:вам\s)?"
    r"(?:помочь|предостав\w+|дать|ответить|выполнить|предсказать|выдать|управлять)",
    r"\bkann\b[^.\n]{0,60}\bnicht\b[^.\n]{0,40}"
    r"\b(?:helfen|geben|angeben|beantworten|liefern|erstellen|bereitstellen|machen|vorhersagen|steuern|fahren)",
    r"\bno\spuedo\s(?:ayudar\w*|proporcionar|dar\w*|responder|generar|predecir|hacer|ofrecer|conducir)",
    r"\bne\s(?:peux|puis)\spas\s(?:vous\s|t')?(?:aider|fournir|donner|répondre|générer|prédire|faire|conduire)",
    r"\bnão\sposso\s(?:ajudar|fornecer|dar|responder|gerar|prever|fazer|dirigir)",
    r"\bnon\sposso\s(?:aiutar\w*|fornire|dare|rispondere|guidare)",
    r"申し訳.{0,60}(?:できません|できない)|(?:죄송|미안).{0,60}없습니다|لا\s(?:أستطيع|يمكنني)",
)
#: A sentence's end; "e.g. 5" and "z. B. 5" are none.
SENTENCE_END_RE = re.compile(r"(?<=[^\W\d][.!?])\s+(?=[A-Z(\[])|(?<=[。！？!?])\s*")
