"""Chinese: words of a run of characters, and how they are written in pinyin."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rjieba import Jieba

HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef"
# Words with a character of several readings that the table of pinyin reads the other way.
_READINGS: Final = (
    "长按:chang an|长图:chang tu|长视频:chang shi pin|重试:chong shi|重连:chong lian|重发:chong fa|"
    "重登:chong deng|重进:chong jin|重玩:chong wan|弹窗:tan chuang|弹框:tan kuang|弹层:tan ceng|"
    "弹出:tan chu|弹起:tan qi|弹屏:tan ping|还款:huan kuan|还钱:huan qian|差评:cha ping|调起:diao qi|"
    "行业:hang ye|分行:fen hang"
)
_CHINESE: Final = re.compile(rf"[{HAN}]")
_LATIN: Final = re.compile(r"[a-z0-9]+")

# Words of analytics that the general dictionary cuts apart.
_TERMS: Final = """
埋点 弹窗 浮窗 点赞 加购 下单 退单 拼单 秒杀 拼团 砍价 领券 优惠券 满减 凑单
详情页 首页 落地页 结算页 收银台 购物车 心愿单 收藏夹 直播间 开播 关播 连麦 弹幕
打赏 送礼 上滑 下滑 左滑 右滑 长按 双击 曝光 停留时长 播放时长 完播 起播 卡顿 首帧
续费 试用 席位 工作区 看板 仪表盘 登录 登出 注册 注销 绑定 解绑 闯关 通关 抽卡
充值 战令 开局 组队 匹配 公会 副本 关卡 段位 氪金 信息流 推荐位 负反馈 不感兴趣
关注 取关 上报 冷启动 热启动 切后台 切前台 渠道号 设备号 短视频 小程序 公众号
"""
_WORDS: Final = tuple(_TERMS.split())


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


@cache
def _table() -> Callable[[str], list[str]]:
    """Return what reads a text: pypinyin, with the words that it reads the other way."""
    from pypinyin import lazy_pinyin, load_phrases_dict  # noqa: PLC0415 - 0.2 s, for Chinese only

    pairs = (line.split(":") for line in _READINGS.split("|"))
    load_phrases_dict({word: [[part] for part in parts.split()] for word, parts in pairs})
    return lambda text: lazy_pinyin(text, errors="ignore")


@lru_cache(maxsize=32_768)
def syllables(text: str) -> tuple[str, ...]:
    """Return a text's syllables in pinyin, without tones; what is not Chinese is left out."""
    if not has_chinese(text):
        return ()
    return tuple(
        part.replace("ü", "v")
        for part in _table()(text)
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
