"""Chinese: words of a run of characters, and how they are written in pinyin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rjieba import Jieba

HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef"
_CHINESE: Final = re.compile(rf"[{HAN}]")
_LATIN: Final = re.compile(r"[a-z0-9]+")

# Words of analytics that the general dictionary cuts apart.
_WORDS: Final = [
    "埋点",
    "弹窗",
    "浮窗",
    "点赞",
    "加购",
    "下单",
    "退单",
    "拼单",
    "秒杀",
    "拼团",
    "砍价",
    "领券",
    "优惠券",
    "满减",
    "凑单",
    "详情页",
    "首页",
    "落地页",
    "结算页",
    "收银台",
    "购物车",
    "心愿单",
    "收藏夹",
    "直播间",
    "开播",
    "关播",
    "连麦",
    "弹幕",
    "打赏",
    "送礼",
    "上滑",
    "下滑",
    "左滑",
    "右滑",
    "长按",
    "双击",
    "曝光",
    "停留时长",
    "播放时长",
    "完播",
    "起播",
    "卡顿",
    "首帧",
    "续费",
    "试用",
    "席位",
    "工作区",
    "看板",
    "仪表盘",
    "登录",
    "登出",
    "注册",
    "注销",
    "绑定",
    "解绑",
    "闯关",
    "通关",
    "抽卡",
    "充值",
    "战令",
    "开局",
    "组队",
    "匹配",
    "公会",
    "副本",
    "关卡",
    "段位",
    "氪金",
    "信息流",
    "推荐位",
    "负反馈",
    "不感兴趣",
    "关注",
    "取关",
    "上报",
    "冷启动",
    "热启动",
    "切后台",
    "切前台",
    "渠道号",
    "设备号",
    "短视频",
    "小程序",
    "公众号",
]


def has_chinese(text: str) -> bool:
    """Say whether a text has a Chinese character."""
    return _CHINESE.search(text) is not None


@cache
def _segmenter() -> Jieba:
    import rjieba  # noqa: PLC0415 - 0.2 s and 25 MB that a plan in English does not pay

    made = rjieba.Jieba()
    for word in _WORDS:
        made.add_word(word, 10_000, "n")
    return made


@lru_cache(maxsize=32_768)
def _words(run: str) -> tuple[str, ...]:
    return tuple(_segmenter().cut(run))


def segment(run: str, *, overlapping: bool = False) -> Sequence[str]:
    """Return the words of a run of Chinese characters, in order."""
    if not overlapping:
        return _words(run)
    return [str(word) for word in _segmenter().cut_for_search(run)]


@lru_cache(maxsize=32_768)
def syllables(text: str) -> tuple[str, ...]:
    """Return a text's syllables in pinyin, without tones; what is not Chinese is left out."""
    if not has_chinese(text):
        return ()
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - 0.2 s, needed only where there is Chinese

    return tuple(
        part.replace("ü", "v")
        for part in lazy_pinyin(text, errors="ignore")
        if _LATIN.fullmatch(part.replace("ü", "v"))
    )


def pinyin(text: str) -> str:
    """Return Chinese as pinyin without tones or gaps: ``支付成功`` -> ``zhifuchenggong``.

    What is not Chinese is left out; a text without Chinese gives the empty text.
    """
    return "".join(syllables(text))


def initials(text: str) -> str:
    """Return the first letters of the syllables: ``支付成功`` -> ``zfcg``."""
    return "".join(part[0] for part in syllables(text))
